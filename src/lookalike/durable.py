"""Files on disk: a reader, or a cut of power, meets the old file or the new one, and never half of one."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lookalike.errors import StorageFailed

PART = ".part"
"""Suffix of files that are not whole yet; one that is left over belonged to a process that was killed."""


def replace_file(path: Path, content: bytes) -> None:
    """Write a file, or leave what was there.

    Raises:
        StorageFailed: the folder is not there, the disk is full, read-only or failing; what was there is still there.
    """
    try:
        with whole_file(path) as file:
            file.write(content)
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A new file to write, which is on disk in the place of `path` once the block has ended without an exception.

    Raises:
        OSError: it cannot be written; what was there is still there.
    """
    with replacing(path) as part, part.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """The name of a file to make, which is renamed to `path` when the block ends without an exception, else removed.

    Args:
        path: the final name; what has it before is replaced.
        durable: also wait until the new name is on disk. The file's content is for the block to bring there.

    Raises:
        OSError: it cannot be renamed.
    """
    part = path.with_name(f"{path.name[:64]}.{secrets.token_hex(8)}{PART}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    if durable:
        sync(path.parent)


def append(path: Path, added: bytes) -> None:
    """Add bytes to the end of a file; on disk when it returns, and perhaps in part after a cut of power.

    Raises:
        OSError: they cannot be written.
    """
    with path.open("ab") as file:
        file.write(added)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Wait until the content of a file, or the names in a folder, are on disk.

    Raises:
        OSError: it is not there, or the disk is failing.
    """
    if os.name != "posix" and path.is_dir():  # elsewhere folders cannot be opened, and names go with their files
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folders(folder: Path) -> None:
    """Wait until the names in a folder and in all folders below it are on disk.

    Raises:
        OSError: the disk is failing.
    """
    for place, _, _ in os.walk(folder):
        sync(Path(place))


def bytes_below(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; what another program removes meanwhile counts as nothing."""
    total = 0
    files = [path] if path.is_file() else (Path(at, name) for at, _, names in os.walk(path) for name in names)
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_size
    return total
