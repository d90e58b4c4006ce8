"""Reading files that may turn out to be pipes, devices or sockets, or larger than anyone wants to read."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}
_PIECE = 1 << 20


class NotRegular(OSError):
    """A pipe, a device, a socket or a folder; `strerror` says which."""

    def __init__(self, kind: str) -> None:
        super().__init__(0, f"is {kind}, not a file")


class TooLarge(OSError):
    """The file has more bytes than were asked for."""


def kind_of(mode: int) -> str | None:
    """What a file is that is no regular one, in words, by its `st_mode`; None for a regular one."""
    return None if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "something else")


def open_regular(path: Path) -> tuple[BinaryIO, os.stat_result]:
    """A file to read from, unbuffered, and what it looks like now.

    Opening a pipe that nobody writes to returns at once, and nothing is read of what is not a regular file.

    Args:
        path: links are followed.

    Raises:
        NotRegular: it is a pipe, a device, a socket or a folder.
        OSError: it cannot be read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0)
    kind = kind_of(path.stat().st_mode)  # opening a device may do something already
    if kind is not None:
        raise NotRegular(kind)
    file: BinaryIO = open(os.open(path, flags), "rb", buffering=0)  # noqa: PTH123, SIM115 - of a descriptor
    status = os.fstat(file.fileno())
    kind = kind_of(status.st_mode)
    if kind is not None:
        file.close()
        raise NotRegular(kind)
    return file, status


def read_regular(path: Path, *, most: int | None = None) -> tuple[bytes, os.stat_result]:
    """The bytes of a file, and what it looked like before the first of them was read.

    Opening a pipe that nobody writes to returns at once, and no byte of what is not a regular file is read.

    Args:
        path: links are followed.
        most: bytes; a file may grow while it is read.

    Raises:
        NotRegular: it is a pipe, a device, a socket or a folder.
        TooLarge: it has more than `most` bytes.
        OSError: it cannot be read.
    """
    file, status = open_regular(path)
    with file:
        if most is not None and status.st_size > most:
            raise TooLarge(27, f"{status.st_size:,} bytes is above the limit of {most:,} bytes")
        pieces: list[bytes] = []
        total = 0
        while piece := file.read(max(_PIECE, status.st_size - total + 1)):
            pieces.append(piece)
            total += len(piece)
            if most is not None and total > most:
                raise TooLarge(27, f"it grew above the limit of {most:,} bytes while it was read")
    return b"".join(pieces), status
