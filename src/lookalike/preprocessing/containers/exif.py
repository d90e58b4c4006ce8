"""EXIF, which is read for the orientation only."""

import struct

ORIENTATION = 0x0112
_PREFIX = b"Exif\0"
_PREFIX_LENGTH = 6
"""`Exif`, a zero, and a byte that should be zero and in the files of some cameras is not."""
_MAX_ENTRIES = 1_000
_INTEGERS = {1: "B", 3: "H", 4: "I"}


def is_exif(payload: bytes) -> bool:
    """Whether the payload of a JPEG's APP1 segment is an EXIF block."""
    return payload.startswith(_PREFIX) and len(payload) >= _PREFIX_LENGTH


def orientation_of(block: bytes) -> int:
    """EXIF's orientation, 1 to 8; 1 if the block is empty, malformed, or does not contain it.

    Args:
        block: a TIFF header and its first directory, with or without the prefix `Exif` and two bytes.
    """
    return stated_orientation(block) or 1


def stated_orientation(block: bytes) -> int | None:
    """Like `orientation_of`, but None if the block does not contain an orientation."""
    try:
        return _orientation(block[_PREFIX_LENGTH:] if is_exif(block) else block)
    except struct.error:
        return None


def _orientation(block: bytes) -> int | None:
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return None
    (directory,) = struct.unpack_from(order + "I", block, 4)
    (count,) = struct.unpack_from(order + "H", block, directory)
    for index in range(min(count, _MAX_ENTRIES)):
        at = directory + 2 + 12 * index
        tag, kind = struct.unpack_from(order + "HH", block, at)
        if tag == ORIENTATION and kind in _INTEGERS:
            (value,) = struct.unpack_from(order + _INTEGERS[kind], block, at + 8)
            return int(value) if 1 <= value <= 8 else None  # noqa: PLR2004 - EXIF's range
    return None
