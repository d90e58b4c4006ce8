"""Space that is kept free, so that images can be deleted and hidden on a full disk: that takes a little space, too."""

import contextlib
import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lookalike.errors import StorageFailed

T = TypeVar("T")

_log = logging.getLogger(__name__)
_BLOCK = bytes(1 << 20)
_ROOM_TO_TAKE = 8  # times its size have to be free before it is made


class DiskReserve:
    """A file that is given up when the disk is full, and made again once there is room. Safe for threads.

    Args:
        file: on the disk that the catalog is on; None keeps nothing.
        size: bytes.
    """

    def __init__(self, file: Path | None, *, size: int = 16 << 20) -> None:
        self._file = file
        self._size = size
        self._lock = threading.Lock()

    def keep(self) -> None:
        """Make the file, if it is not there and there is room."""
        if self._file is None or self._file.exists():
            return
        try:
            if shutil.disk_usage(self._file.parent).free < _ROOM_TO_TAKE * self._size:
                return
            with self._lock, self._file.open("wb") as file:
                for _ in range(self._size // len(_BLOCK)):
                    file.write(_BLOCK)
        except OSError as fault:
            _log.debug("no space is reserved: %s", fault)
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)

    def within(self, work: Callable[[], T]) -> T:
        """Do that, once more with the reserve given up where the disk is full.

        Args:
            work: something that must succeed on a full disk, as deleting does; it takes little space.

        Raises:
            StorageFailed: it failed all the same.
        """
        try:
            return work()
        except (StorageFailed, OSError):
            if not self._give_up():
                raise
            return work()

    def _give_up(self) -> bool:
        if self._file is None:
            return False
        with self._lock:
            try:
                if shutil.disk_usage(self._file.parent).free > self._size:
                    return False  # it is not for want of space
                self._file.unlink()
            except OSError:
                return False
        _log.error("the disk is full: the space that was reserved for deleting and hiding is used now")
        return True
