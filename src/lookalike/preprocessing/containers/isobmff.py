"""AVIF and HEIC: boxes of the ISO base media file format."""

import re
import struct
from collections.abc import Iterator

from lookalike.preprocessing.containers.item_properties import tags_of_primary_item
from lookalike.preprocessing.containers.record import Header

_MAX_BOXES = 1_000
_EXTENT = re.compile(rb"ispe\0\0\0\0(.{8})", re.DOTALL)
_EXIF_ITEM = re.compile(rb"(infe(?:\x02.{7}|\x03.{9}))Exif", re.DOTALL)


def read_isobmff(content: bytes) -> Header:
    """Size of the largest picture the `meta` box declares; content with its EXIF item renamed.

    The orientation of these formats is a property of the picture (`irot`, `imir`), told by the decoder; their EXIF
    block must be ignored, and a malformed one makes the decoder warn.
    """
    boxes = list(_boxes(content))
    start, end = next(((start, end) for kind, start, end in boxes if kind == b"meta"), (0, 0))
    extents = [struct.unpack(">II", match) for match in _EXTENT.findall(content, start, end)]
    width, height = max(extents, key=lambda extent: extent[0] * extent[1], default=(0, 0))
    renamed = content
    if _EXIF_ITEM.search(content, start, end):
        renamed = content[:start] + _EXIF_ITEM.sub(rb"\1skip", content[start:end]) + content[end:]
    whole = bool(boxes) and boxes[-1][2] <= len(content)
    return Header(
        width=width,
        height=height,
        content=renamed,
        orientation=None,
        whole=whole,
        colour=tags_of_primary_item(content, start, end),
    )


def _boxes(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of the file's boxes; the last `end` is past the file where it is cut off."""
    position = 0
    for _ in range(_MAX_BOXES):
        if position + 8 > len(content):
            return
        length, kind = struct.unpack_from(">I4s", content, position)
        if length == 1:
            (length,) = struct.unpack_from(">Q", content, position + 8)
        end = position + length if length else len(content)
        yield kind, position, end
        position = max(end, position + 8)
