"""AVIF and HEIC: boxes of the ISO base media file format."""

import re
import struct
from collections.abc import Iterator

from lookalike.preprocessing.containers.coded_size import av1_size, hevc_sizes
from lookalike.preprocessing.containers.item_properties import tags_of_primary_item
from lookalike.preprocessing.containers.record import Header

_MAX_BOXES = 1_000
_EXTENT = re.compile(rb"ispe\0\0\0\0(.{8})", re.DOTALL)
_AV1_RECORD = re.compile(rb"av1C(.{4})", re.DOTALL)
_HEVC_RECORD = re.compile(rb"(.{4})hvcC", re.DOTALL)
_AV1_ITEM = re.compile(rb"infe(?:\x02.{3}(?P<short>.{2})|\x03.{3}(?P<long>.{4})).{2}av01", re.DOTALL)
_ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"
_MAX_ITEMS = 4_096
_FIRST_SAMPLE_BYTES = 65_536
_MOST_CODED = 3
"""Times the declared picture: itself, its alpha, and thumbnails or a gain map beside."""
_ROOM = 1_000_000
"""Pixels that padding and small pictures may take beside that."""
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
    moov = next(((first, last) for kind, first, last in boxes if kind == b"moov"), (0, 0))
    for coded in _coded_sizes(content, (start, end), moov):
        if coded[0] * coded[1] > _MOST_CODED * max(width * height, 1) + _ROOM:
            raise ValueError(f"it says {width} x {height} pixels and is coded as {coded[0]} x {coded[1]}")
    return Header(
        width=width,
        height=height,
        content=renamed,
        orientation=None,
        whole=whole,
        held_bytes=_held_bytes(content[start:end], width * height),
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


def _held_bytes(meta: bytes, pixels: int) -> int:
    """Of AV1's planes, and of the RGB picture made of them, twice; HEVC's are less than what is allowed anyway."""
    record = _AV1_RECORD.search(meta)
    if record is None:
        return 0
    flags = record[1][2]
    chroma = 0.0 if flags & 16 else 2.0 / (1 + (flags >> 3 & 1)) / (1 + (flags >> 2 & 1))
    deep = 2 if flags & 64 else 1
    alpha = _ALPHA in meta
    return int(pixels * ((1 + chroma + alpha) * deep + 2 * (3 + alpha)))


def _coded_sizes(content: bytes, meta: tuple[int, int], moov: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Of each AV1 picture, the sum of all of them as one height, and of each HEVC parameter set."""
    total = 0
    for data in [*_av1_items(content, *meta), *_first_samples(content, *moov)]:
        size = av1_size(data)
        if size is not None:
            total += size[0] * size[1]
            yield size
    yield 1, total
    for start, end in (meta, moov):
        for found in _HEVC_RECORD.finditer(content, start, end):
            length = int.from_bytes(found[1], "big")
            yield from hevc_sizes(content[found.end() : found.start() + length])


def _av1_items(content: bytes, start: int, end: int) -> Iterator[memoryview]:
    """The data of each AV1 picture, as far as `iloc` (ISO/IEC 14496-12, 8.11.3) finds it."""
    items = _AV1_ITEM.finditer(content, start, end)
    wanted = {int.from_bytes(found["short"] or found["long"], "big") for found in items}
    at = content.find(b"iloc", start, end)
    if not wanted or at < 0:
        return
    inside = content.find(b"idat", start, end)
    for item, method, extents in _locations(content, at + 4):
        origin = inside + 4 if method == 1 else 0
        if item in wanted and len(extents) == 1:
            first, length = extents[0]
            yield memoryview(content)[origin + first : origin + first + length if length else len(content)]
        elif item in wanted:
            parts = [content[origin + first : origin + first + length] for first, length in extents]
            yield memoryview(b"".join(parts))


def _locations(content: bytes, position: int) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
    """(item, construction method, extents as start and length) of each entry of an `iloc` box's payload."""
    version = content[position]
    sizes = content[position + 4 : position + 6]
    offset, length, base = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4
    index = sizes[1] & 15 if version else 0
    wide = 4 if version == 2 else 2  # noqa: PLR2004 - of the box
    number = _Numbers(content, position + 6)
    for _ in range(min(number.take(wide), _MAX_ITEMS)):
        item = number.take(wide)
        method = number.take(2) & 15 if version else 0
        number.take(2)
        start = number.take(base)
        extents = []
        for _ in range(min(number.take(2), _MAX_ITEMS)):
            number.take(index)
            first = start + number.take(offset)
            extents.append((first, number.take(length)))
        yield item, method, extents


class _Numbers:
    """Unsigned big-endian numbers one after the other."""

    def __init__(self, content: bytes, position: int) -> None:
        self._content, self._position = content, position

    def take(self, size: int) -> int:
        self._position += size
        return int.from_bytes(self._content[self._position - size : self._position], "big")


def _first_samples(content: bytes, start: int, end: int) -> Iterator[memoryview]:
    """The first picture of each track, of animations."""
    for name, wide in ((b"stco", 4), (b"co64", 8)):
        at = content.find(name, start, end)
        while at >= 0:
            first = int.from_bytes(content[at + 12 : at + 12 + wide], "big")
            yield memoryview(content)[first : first + _FIRST_SAMPLE_BYTES]
            at = content.find(name, at + 4, end)
