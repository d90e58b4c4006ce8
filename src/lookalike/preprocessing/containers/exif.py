"""The one thing EXIF is read for: which way is up."""

import struct

ORIENTATION = 0x0112
_MAX_ENTRIES = 1_000
_INTEGERS = {1: "B", 3: "H", 4: "I"}


def orientation_of(block: bytes) -> int:
    r"""EXIF's orientation, 1 to 8; 1 where the block is empty, malformed, or says nothing of it.

    Args:
        block: a TIFF header and its first directory, with or without the prefix `Exif\0\0`.
    """
    try:
        return _orientation(block.removeprefix(b"Exif\0\0"))
    except struct.error:
        return 1


def _orientation(block: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return 1
    (directory,) = struct.unpack_from(order + "I", block, 4)
    (count,) = struct.unpack_from(order + "H", block, directory)
    for index in range(min(count, _MAX_ENTRIES)):
        at = directory + 2 + 12 * index
        tag, kind = struct.unpack_from(order + "HH", block, at)
        if tag == ORIENTATION and kind in _INTEGERS:
            (value,) = struct.unpack_from(order + _INTEGERS[kind], block, at + 8)
            return int(value) if 1 <= value <= 8 else 1  # noqa: PLR2004 - EXIF's range
    return 1
