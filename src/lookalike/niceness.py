"""How readily threads yield the processor to others."""

import contextlib
import os
import sys
import threading


def be_nice(niceness: int) -> None:
    """Make the calling thread, and the threads that it starts from now on, yield more readily than the main thread.

    Only Linux gives threads a priority of their own; elsewhere this does nothing.

    Args:
        niceness: 0 to 19, as `nice` has it.
    """
    if niceness and sys.platform == "linux":
        with contextlib.suppress(OSError):
            usual = os.getpriority(os.PRIO_PROCESS, os.getpid())  # of the main thread, which may be nice itself
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), usual + niceness)
