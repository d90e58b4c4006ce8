"""JPEG: markers and segments up to the first scan, and where the picture ends."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from lookalike.preprocessing.containers.colour_tags import tags_of_jpeg
from lookalike.preprocessing.containers.exif import is_exif, stated_orientation
from lookalike.preprocessing.containers.record import Header

END_OF_IMAGE = b"\xff\xd9"

_START_OF_IMAGE = 0xD8
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_EXIF = 0xE1
_PROFILE = 0xE2
_ADOBE = 0xEE
_COMMENT = 0xFE
_STANDALONE = {0x00, 0x01, *range(0xD0, 0xD9)}
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = {0xC0, 0xC1}
_LOSSY = {0xC0, 0xC1, 0xC2}
_METADATA = {*range(0xE1, 0xF0), _COMMENT} - {_ADOBE}  # JFIF and Adobe markers decide how colours are stored
_FIRST_WITH_LENGTH = 0xC0
"""Codes below are reserved: between scans they are noise, not segments."""
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""What ends a scan's data: not a stuffed zero, not a restart, not a fill byte."""
_COEFFICIENTS = 64
_MAX_SEGMENTS = 10_000
_MAX_SCANS = 64
"""A progressive picture has about 10; each costs a pass over all coefficients, so thousands are an attack."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """The frame segment: size, and of each component its id and its sampling factors."""

    sequential: bool
    width: int
    height: int
    components: tuple[tuple[int, int, int], ...]

    @property
    def samples(self) -> int:
        """Of all components, with what subsampling leaves of them."""
        widest = max((across for _, across, _ in self.components), default=1) or 1
        tallest = max((down for _, _, down in self.components), default=1) or 1
        shares = sum(across * down for _, across, down in self.components)
        return self.width * self.height * shares // (widest * tallest)


def read_jpeg(content: bytes) -> Header:
    """Size from the frame segment, orientation from EXIF; content without metadata, junk and what follows the picture.

    A picture without its end marker gets one, and is not `whole`: whether all its rows are there is for the decoder
    to find out.
    """
    frame: _Frame | None = None
    orientation: int | None = None
    kept = [content[:2]]
    profile = []
    payload, position, untouched = b"", 2, True
    for marker, start, end in _segments(content, 2):
        untouched &= start == position and marker not in _METADATA
        position, payload = end, content[start + 4 : end]
        if marker in _FRAMES:
            frame = _frame(marker, payload)
        elif marker == _EXIF and orientation is None and is_exif(payload):
            orientation = stated_orientation(payload)
        elif marker == _PROFILE:
            profile.append(payload)
        if marker not in _METADATA:
            kept.append(content[start:end])
    if frame is None:
        raise ValueError("no frame")
    scans, end, ended = _scans(content, position)
    scans.insert(0, payload)  # of the first scan, the last segment before the pixels
    if ended and untouched and end == len(content):
        picture = content
    else:
        data = memoryview(content)[position:end] if ended else content[position:end].rstrip(b"\xff") + END_OF_IMAGE
        picture = b"".join([*kept, data])
    one_pass = frame.sequential and len(scans) == 1
    return Header(
        width=frame.width,
        height=frame.height,
        content=picture,
        orientation=orientation or 1,
        colour=tags_of_jpeg(profile),
        whole=ended,
        complete=ended or _reaches_all(frame, scans),
        held_bytes=0 if one_pass else 2 * frame.samples,
    )


def size_of_jpeg(content: bytes, start: int) -> tuple[int, int]:
    """Width and height of the JPEG that begins there; zeros where none does, or one without loss (sensor data)."""
    try:
        for marker, at, end in _segments(content, start + 2):
            if marker in _FRAMES:
                frame = _frame(marker, content[at + 4 : end])
                return (frame.width, frame.height) if marker in _LOSSY else (0, 0)
    except (EOFError, IndexError, ValueError, struct.error):
        pass
    return 0, 0


def _frame(marker: int, payload: bytes) -> _Frame:
    height, width, count = struct.unpack_from(">HHB", payload, 1)
    components = tuple((payload[at], payload[at + 1] >> 4, payload[at + 1] & 15) for at in range(6, 6 + 3 * count, 3))
    return _Frame(marker in _SEQUENTIAL, width, height, components)


def _segments(content: bytes, position: int) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each segment, to the first start of scan and with it."""
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


def _scans(content: bytes, position: int) -> tuple[list[bytes], int, bool]:
    """Headers of the scans after the first, where the picture ends, and whether an end marker says so.

    What follows the picture, such as the video of a motion photo, is not looked at.
    """
    headers: list[bytes] = []
    for marker, start, end in _markers(content, position):
        if marker == _END_OF_IMAGE:
            return headers, end, True
        if marker == _START_OF_IMAGE or end > len(content):
            return headers, start, False
        if marker == _START_OF_SCAN:
            headers.append(content[start + 4 : end])
        if len(headers) >= _MAX_SCANS:
            raise ValueError(f"more than {_MAX_SCANS} scans")
    return headers, len(content), False


def _markers(content: bytes, position: int) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of the segments after and between scans; segments without a length end with their marker."""
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.search(content, position)
        if found is None:
            return
        marker, position = content[found.start() + 1], found.end()
        if marker >= _FIRST_WITH_LENGTH and marker not in _STANDALONE | {_END_OF_IMAGE}:
            length = content[position : position + 2]
            position += max(int.from_bytes(length, "big"), 2) if len(length) == 2 else 2  # noqa: PLR2004 - its own bytes
        yield marker, found.start(), position
    raise ValueError(f"more than {_MAX_SEGMENTS} segments between its scans")


def _reaches_all(frame: _Frame, scans: list[bytes]) -> bool:
    """Whether the scans, were each whole, give every coefficient of every component to its last bit."""
    missing = {name: set(range(1 if frame.sequential else _COEFFICIENTS)) for name, _, _ in frame.components}
    for scan in scans:
        count = scan[0] if scan else 0
        first, last, bits = scan[1 + 2 * count : 4 + 2 * count]
        if bits & 15 == 0 or frame.sequential:
            for name in scan[1 : 1 + 2 * count : 2]:
                missing.get(name, set()).difference_update(range(first, last + 1))
    return not any(missing.values())
