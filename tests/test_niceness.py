import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lookalike.niceness import be_nice

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priority of their own")


def niceness():
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_thread_and_those_it_starts_are_nice_and_the_others_stay_as_they_are():
    usual = niceness()
    with ThreadPoolExecutor(1, initializer=be_nice, initargs=(3,)) as pool:
        assert pool.submit(niceness).result() == min(usual + 3, 19)
        started = pool.submit(ThreadPoolExecutor(1).submit, niceness).result()
        assert started.result() == min(usual + 3, 19)
    assert niceness() == usual


def test_nothing_changes_where_nothing_is_asked_for():
    usual = niceness()
    be_nice(0)
    assert niceness() == usual
