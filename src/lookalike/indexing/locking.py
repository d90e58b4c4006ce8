"""One process at a time changes which folders a library follows."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from lookalike.errors import LibraryBusy, StorageFailed


@contextmanager
def alone(file: Path, *, doing: str = "indexing into") -> Iterator[None]:
    """Hold a lock of the library.

    Args:
        file: the lock.
        doing: what a process that holds it does, between "is" and "this library".

    Raises:
        LibraryBusy: another process holds it; nothing was changed.
        StorageFailed: the lock cannot be written.
    """
    lock = FileLock(file, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise LibraryBusy(
            f"another process is {doing} this library; nothing was changed, try again when it is done"
        ) from None
    except OSError as fault:
        raise StorageFailed(
            f"{file}: the library cannot be written to: {fault.strerror or fault}; nothing was changed"
        ) from None
    try:
        yield
    finally:
        lock.release()
