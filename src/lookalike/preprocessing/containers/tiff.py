"""TIFF: the first directory, written anew with only the entries that make the picture."""

import math
import struct
from dataclasses import dataclass

from lookalike.preprocessing.containers.colour_tags import MAX_PROFILE_BYTES, UNTAGGED, ColourTags
from lookalike.preprocessing.containers.exif import ORIENTATION
from lookalike.preprocessing.containers.record import Header

_WIDTH, _HEIGHT, _SAMPLES, _ROWS, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 277, 278, 322, 323
_JPEG_TABLES = 347
_PROFILE = 34_675
_OFFSETS = {273, 279, 324, 325}
"""StripOffsets, StripByteCounts, TileOffsets, TileByteCounts."""
_SIZES = {_WIDTH, _HEIGHT, _SAMPLES, _ROWS, _TILE_WIDTH, _TILE_HEIGHT}
_SINGLE = {*_SIZES, 259, 262, 266, 284, 292, 293, 317, 513, 514, ORIENTATION}
"""Entries of one value: the sizes, and compression, photometric interpretation, fill order, planes, options."""
_MANY = {258, 320, 338, 339, _JPEG_TABLES, 519, 520, 521, 530, *_OFFSETS}
"""Entries of several: bits, palette, extra samples, sample format, JPEG tables, chroma subsampling, pieces."""
_INTEGERS = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""BYTE, SHORT, LONG, LONG8: the types of all entries above but one."""
_UNDEFINED = 7
_MAX_ENTRIES = 4_096
_BIG = 43


@dataclass(frozen=True, slots=True)
class _Layout:
    """Byte order and the two generations' field widths."""

    order: str
    offset: str
    count: str

    @property
    def entry_length(self) -> int:
        return 4 + 2 * self.inline

    @property
    def inline(self) -> int:
        return struct.calcsize(self.offset)


def read_tiff(content: bytes) -> Header:
    """Size and orientation of the first picture; content with a clean directory appended and made the first.

    The decoder reads whatever the directory points at, and warns where that is malformed: it sees the picture's own
    entries only, each checked to lie inside the file.
    """
    order = "<" if content[:2] == b"II" else ">"
    (version,) = struct.unpack_from(order + "H", content, 2)
    layout = _Layout(order, order + "Q", order + "Q") if version == _BIG else _Layout(order, order + "I", order + "H")
    header_length = 16 if version == _BIG else 8
    (directory,) = struct.unpack_from(layout.offset, content, header_length - layout.inline)
    entries = _entries(content, directory, layout)
    colour = _colour(content, entries.pop(_PROFILE, b""), layout)
    values = {tag: next(iter(_values(content, entries[tag], layout)), 0) for tag in _SINGLE & entries.keys()}
    _check_pieces(entries, values, layout)
    _check_ends(content, entries, layout)
    padding = bytes(len(content) % 2)
    pointer = struct.pack(layout.offset, len(content) + len(padding))
    front = content[: header_length - layout.inline] + pointer + content[header_length:]
    orientation = values.get(ORIENTATION, 1)
    return Header(
        width=values.get(_WIDTH, 0),
        height=values.get(_HEIGHT, 0),
        content=front + padding + _directory(entries, values, layout),
        orientation=orientation if 1 <= orientation <= 8 else 1,  # noqa: PLR2004 - EXIF's range
        colour=colour,
    )


def _entries(content: bytes, directory: int, layout: _Layout) -> dict[int, bytes]:
    """Tag -> its raw entry, for well-formed entries of the picture and for the orientation."""
    (count,) = struct.unpack_from(layout.count, content, directory)
    if count > _MAX_ENTRIES:
        raise ValueError(f"{count} directory entries")
    position = directory + struct.calcsize(layout.count)
    entries: dict[int, bytes] = {}
    outside = 0
    for at in range(position, position + count * layout.entry_length, layout.entry_length):
        entry = content[at : at + layout.entry_length]
        if len(entry) < layout.entry_length:
            raise EOFError("the directory is cut off")
        tag, kind = struct.unpack_from(layout.order + "HH", entry)
        if tag in entries or not _is_wanted(tag, kind):
            continue
        if tag == _PROFILE:  # one that is cut off is none; the picture is good without it
            entries[tag] = entry
            continue
        length = _length(entry, kind, layout)
        if length > layout.inline:
            outside += length
            if _offset(entry, layout) + length > len(content) or outside > len(content):
                raise EOFError(f"the values of tag {tag} are cut off")
        entries[tag] = entry
    return entries


def _colour(content: bytes, entry: bytes, layout: _Layout) -> ColourTags:
    """What the entry of an ICC profile points at, if anything."""
    if not entry or not layout.inline < (length := _count(entry, layout)) <= MAX_PROFILE_BYTES:
        return UNTAGGED
    start = _offset(entry, layout)
    return ColourTags(profile=content[start : start + length])


def _is_wanted(tag: int, kind: int) -> bool:
    if tag == _JPEG_TABLES:
        return kind == _UNDEFINED
    return tag == _PROFILE or (kind in _INTEGERS and (tag in _SINGLE or tag in _MANY))


def _length(entry: bytes, kind: int, layout: _Layout) -> int:
    """Bytes of an entry's values."""
    return _count(entry, layout) * struct.calcsize("=" + _INTEGERS.get(kind, "B"))


def _count(entry: bytes, layout: _Layout) -> int:
    return int(struct.unpack_from(layout.offset, entry, 4)[0])


def _offset(entry: bytes, layout: _Layout) -> int:
    return int(struct.unpack_from(layout.offset, entry, 4 + layout.inline)[0])


def _values(content: bytes, entry: bytes, layout: _Layout) -> tuple[int, ...]:
    """The integers of an entry; none for values of another type."""
    (kind,) = struct.unpack_from(layout.order + "H", entry, 2)
    if kind not in _INTEGERS:
        return ()
    form = f"{layout.order}{_count(entry, layout)}{_INTEGERS[kind]}"
    if _length(entry, kind, layout) <= layout.inline:
        return struct.unpack_from(form, entry, 4 + layout.inline)
    return struct.unpack_from(form, content, _offset(entry, layout))


def _check_pieces(entries: dict[int, bytes], values: dict[int, int], layout: _Layout) -> None:
    """Refuse more strips or tiles than cover the picture: each is decoded, so millions are an attack."""
    width, height = values.get(_WIDTH, 0), values.get(_HEIGHT, 0)
    piece_width = values.get(_TILE_WIDTH) or width or 1
    piece_height = values.get(_TILE_HEIGHT) or min(values.get(_ROWS) or height, height) or 1
    planes = max(values.get(_SAMPLES, 1), 1)
    most = math.ceil(width / piece_width) * math.ceil(height / piece_height) * planes
    for tag in _OFFSETS & entries.keys():
        if _count(entries[tag], layout) > most:
            raise ValueError(f"{_count(entries[tag], layout):,} strips or tiles where {most:,} cover the picture")


def _check_ends(content: bytes, entries: dict[int, bytes], layout: _Layout) -> None:
    """Refuse a file that ends before a strip or tile does: what is appended would be read as pixels."""
    for offsets, lengths in ((273, 279), (324, 325)):
        if offsets in entries and lengths in entries:
            starts, sizes = (_values(content, entries[tag], layout) for tag in (offsets, lengths))
            if any(start + size > len(content) for start, size in zip(starts, sizes, strict=False)):
                raise EOFError("a strip or tile is cut off")


def _directory(entries: dict[int, bytes], values: dict[int, int], layout: _Layout) -> bytes:
    """The directory's bytes: single values as one integer of the widest type, the others as they were."""
    widest = 16 if layout.inline == 8 else 4  # noqa: PLR2004 - LONG8 or LONG
    written = []
    for tag in sorted(entries.keys() - {ORIENTATION}):
        entry = entries[tag]
        if tag in _SINGLE:
            entry = struct.pack(layout.order + "HH", tag, widest)
            entry += struct.pack(layout.offset, 1) + struct.pack(layout.offset, values[tag])
        written.append(entry)
    return struct.pack(layout.count, len(written)) + b"".join(written) + struct.pack(layout.offset, 0)
