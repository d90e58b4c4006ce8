"""Which properties the primary picture of an AVIF or HEIC file has (ISO/IEC 23008-12, 9.3)."""

import struct
from collections.abc import Iterator

from lookalike.preprocessing.containers.colour_tags import MAX_PROFILE_BYTES, UNTAGGED, ColourTags

_MAX_BOXES = 1_000
_MAX_ASSOCIATIONS = 10_000
_SRGB = 13
_VIDEO = {1, 6, 14, 15}
"""BT.709 and its kin, which encoders name for want of a choice: browsers show such pictures as sRGB."""


def tags_of_primary_item(content: bytes, start: int, end: int) -> ColourTags:
    """What the primary item's `colr` properties say: an ICC profile, or else code points.

    Args:
        content: the file.
        start: of the `meta` box.
        end: of the `meta` box.
    """
    try:
        return _tags(content, start, min(end, len(content)))
    except struct.error:
        return UNTAGGED


def _tags(content: bytes, start: int, end: int) -> ColourTags:
    meta = {kind: (first, last) for kind, first, last in _boxes(content, start + 12, end)}
    if not {b"pitm", b"iprp"} <= meta.keys():
        return UNTAGGED
    first, _ = meta[b"pitm"]
    (primary,) = struct.unpack_from(">I" if content[first] else ">H", content, first + 4)
    properties = list(_boxes(content, *meta[b"iprp"]))
    container = next(((first, last) for kind, first, last in properties if kind == b"ipco"), (0, 0))
    owned = {
        index
        for kind, first, last in properties
        if kind == b"ipma"
        for index in _associated(content[first:last], primary)
    }
    profile, primaries, transfer, peak = b"", 2, 2, 0
    for index, (kind, first, last) in enumerate(_boxes(content, *container), start=1):
        if index not in owned:
            continue
        if kind == b"clli":
            (peak,) = struct.unpack_from(">H", content, first)
        if kind != b"colr":
            continue
        form = content[first : first + 4]
        if form in {b"prof", b"rICC"} and last - first - 4 <= MAX_PROFILE_BYTES:
            profile = content[first + 4 : last]
        elif form == b"nclx":
            primaries, transfer = struct.unpack_from(">HH", content, first + 4)
            transfer = _SRGB if transfer in _VIDEO else transfer
    return ColourTags(profile=profile, primaries=primaries, transfer=transfer, peak=peak)


def _associated(table: bytes, item: int) -> Iterator[int]:
    """Numbers, from 1, of the properties that an `ipma` box gives an item."""
    version, flags = table[0] if table else 0, int.from_bytes(table[1:4], "big")
    (count,) = struct.unpack_from(">I", table, 4)
    name, position = ">I" if version else ">H", 8
    for _ in range(min(count, _MAX_ASSOCIATIONS)):
        (owner,) = struct.unpack_from(name, table, position)
        position += struct.calcsize(name)
        properties, position = table[position : position + 1], position + 1
        width = 2 if flags & 1 else 1
        for _ in range(properties[0] if properties else 0):
            if owner == item:
                yield int.from_bytes(table[position : position + width], "big") & (0x7FFF if width > 1 else 0x7F)
            position += width


def _boxes(content: bytes, position: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of the payloads of the boxes between two places."""
    for _ in range(_MAX_BOXES):
        if position + 8 > end:
            return
        length, kind = struct.unpack_from(">I4s", content, position)
        head = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", content, position + 8)
            head = 16
        last = position + length if length else end
        if last > end or last < position + head:
            return
        yield kind, position + head, last
        position = last
