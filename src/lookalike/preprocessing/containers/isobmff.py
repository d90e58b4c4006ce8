"""AVIF and HEIC: boxes of the ISO base media file format."""

import re
import struct

from lookalike.preprocessing.containers.record import Header

_MAX_BOXES = 1_000
_EXTENT = re.compile(rb"ispe\0\0\0\0(.{8})", re.DOTALL)
_EXIF_ITEM = re.compile(rb"(infe(?:\x02.{7}|\x03.{9}))Exif", re.DOTALL)


def read_isobmff(content: bytes) -> Header:
    """Size of the largest picture the `meta` box declares; content with its EXIF item renamed.

    The orientation of these formats is a property of the picture (`irot`, `imir`), told by the decoder; their EXIF
    block must be ignored, and a malformed one makes the decoder warn.
    """
    start, end = _meta(content)
    extents = [struct.unpack(">II", match) for match in _EXTENT.findall(content, start, end)]
    width, height = max(extents, key=lambda extent: extent[0] * extent[1], default=(0, 0))
    renamed = content
    if _EXIF_ITEM.search(content, start, end):
        renamed = content[:start] + _EXIF_ITEM.sub(rb"\1skip", content[start:end]) + content[end:]
    return Header(width=width, height=height, content=renamed, orientation=None)


def _meta(content: bytes) -> tuple[int, int]:
    """Where the file's `meta` box begins and ends; an image sequence may have none."""
    position = 0
    for _ in range(_MAX_BOXES):
        if position + 8 > len(content):
            break
        length, kind = struct.unpack_from(">I4s", content, position)
        if length == 1:
            (length,) = struct.unpack_from(">Q", content, position + 8)
        end = position + length if length else len(content)
        if kind == b"meta":
            return position, min(end, len(content))
        position = max(end, position + 8)
    return 0, 0
