"""Bringing what was committed to the disk, outside the transaction that committed it.

A SQLite commit that waits for the disk keeps the file's only write lock meanwhile, and every search that writes down
its query waits, too. In WAL mode the same promise is kept without the lock: commit without a flush
(`synchronous = NORMAL`), and flush the log before the commit is acknowledged. A checkpoint flushes the log before it
copies it into the file, and the file before the log is used anew, so that what is not in the log any more is on disk.
"""

import os
import threading
from pathlib import Path

from lookalike.errors import StorageFailed


class LogFlusher:
    """Flushes the write-ahead log of a SQLite file. Thread-safe; threads that come at the same time share a flush.

    Args:
        file: the database.
    """

    def __init__(self, file: Path) -> None:
        self._log = file.with_name(file.name + "-wal")
        self._turn = threading.Lock()
        self._begun = self._done = 0

    def flush(self) -> None:
        """Return when everything that this process committed before the call is on disk.

        Raises:
            StorageFailed: the disk does not say so.
        """
        enough = self._begun + 1  # a flush that runs already may have begun before the caller's commit
        with self._turn:
            if self._done >= enough:
                return
            self._begun += 1
            try:
                _flush(self._log)
            except OSError as error:
                raise StorageFailed(f"{self._log}: cannot be flushed: {error.strerror or error}") from error
            self._done = self._begun


def _flush(log: Path) -> None:
    try:
        file = log.open("r+b")  # a second descriptor of the database itself would cost SQLite its locks
    except FileNotFoundError:
        return  # whoever removed it copied it into the file before
    with file:
        getattr(os, "fdatasync", os.fsync)(file.fileno())
