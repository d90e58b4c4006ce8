"""WebP: the first chunk gives the size of the canvas."""

import struct

from lookalike.preprocessing.containers.colour_tags import tags_of_webp
from lookalike.preprocessing.containers.record import Header

_RIFF_HEADER = 8
_FOURTEEN_BITS = 0x3FFF


def read_webp(content: bytes) -> Header:
    """Size; the decoder hands over the EXIF block unread, so orientation is told later."""
    (length,) = struct.unpack_from("<I", content, 4)
    width, height = _size(content)
    return Header(
        width=width,
        height=height,
        content=content,
        orientation=None,
        whole=length + _RIFF_HEADER <= len(content),
        colour=tags_of_webp(content),
    )


def _size(content: bytes) -> tuple[int, int]:
    kind = content[12:16]
    if kind == b"VP8X":
        low, high, last = struct.unpack_from("<IHB", content, 23)
        return (low >> 8) + 1, (high | last << 16) + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", content, 21)
        return (bits & _FOURTEEN_BITS) + 1, (bits >> 14 & _FOURTEEN_BITS) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, 26)
        return width & _FOURTEEN_BITS, height & _FOURTEEN_BITS
    raise ValueError("no picture chunk")
