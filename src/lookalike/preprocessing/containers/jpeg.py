"""JPEG: markers and segments up to the first scan."""

import struct
from collections.abc import Iterator

from lookalike.preprocessing.containers.colour_tags import tags_of_jpeg
from lookalike.preprocessing.containers.exif import orientation_of
from lookalike.preprocessing.containers.record import Header

_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_EXIF = 0xE1
_PROFILE = 0xE2
_ADOBE = 0xEE
_COMMENT = 0xFE
_STANDALONE = {0x00, 0x01, *range(0xD0, 0xD9)}
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = {0xC0, 0xC1}
_METADATA = {*range(0xE1, 0xF0), _COMMENT} - {_ADOBE}  # JFIF and Adobe markers decide how colours are stored
_MAX_SEGMENTS = 10_000
_MAX_SCANS = 64
"""A progressive picture has about 10; each costs a pass over all coefficients, so thousands are an attack."""


def read_jpeg(content: bytes) -> Header:
    """Size from the frame segment, orientation from EXIF; content without metadata, comments and junk."""
    frame = scan = 0
    orientation: int | None = None
    kept = [content[:2]]
    profile = []
    position, untouched = 2, True
    for marker, start, end in _segments(content):
        untouched &= start == position and marker not in _METADATA
        position, scan = end, start
        if marker in _FRAMES:
            frame = start
        elif marker == _EXIF and orientation is None and content.startswith(b"Exif\0\0", start + 4):
            orientation = orientation_of(content[start + 4 : end])
        elif marker == _PROFILE:
            profile.append(content[start + 4 : end])
        if marker not in _METADATA:
            kept.append(content[start:end])
    if not frame:
        raise ValueError("no frame")
    if not _is_one_scan(content, frame, scan) and content.count(b"\xff\xda", position) >= _MAX_SCANS:
        raise ValueError(f"more than {_MAX_SCANS} scans")
    height, width = struct.unpack_from(">HH", content, frame + 5)
    return Header(
        width=width,
        height=height,
        content=content if untouched else b"".join(kept) + content[position:],
        orientation=orientation or 1,
        colour=tags_of_jpeg(profile),
    )


def _is_one_scan(content: bytes, frame: int, scan: int) -> bool:
    """Whether the first scan has all components of a picture that is not progressive, so that it is the only one."""
    return content[frame + 1] in _SEQUENTIAL and content[scan + 4] == content[frame + 9]


def _segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each segment, to the first start of scan and with it."""
    position = 2
    for _ in range(_MAX_SEGMENTS):
        start = content.find(b"\xff", position)
        if start < 0:
            raise EOFError("no scan")
        position = start + 1
        marker = content[position]
        if marker == 0xFF:  # noqa: PLR2004 - a fill byte: the marker's own 0xFF is the last of them
            continue
        if marker in _STANDALONE:
            position += 1
            continue
        if marker == _END_OF_IMAGE:
            raise ValueError("it ends before its first scan")
        (length,) = struct.unpack_from(">H", content, position + 1)
        position += 1 + length
        if position > len(content):
            raise EOFError("a segment is cut off")
        yield marker, start, position
        if marker == _START_OF_SCAN:
            return
    raise ValueError(f"more than {_MAX_SEGMENTS} segments before its first scan")
