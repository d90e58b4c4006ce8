"""TIFF's directories: the chain of pictures in a file, and the sub-directories each points at."""

import struct
from dataclasses import dataclass, field

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
SUBFILE, OLD_SUBFILE, SUB_DIRECTORIES = 254, 255, 330

_FORMS = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I", 16: "Q", 18: "Q"}
"""BYTE, ASCII, SHORT, LONG, the signed ones, UNDEFINED, IFD, LONG8, IFD8; no tag that is read here has another type."""
_MAX_ENTRIES = 4_096
_MAX_DIRECTORIES = 64
_BIG = 43
_REDUCED, _MASK = 1, 4
_OLD_REDUCED = 2


@dataclass(frozen=True, slots=True)
class Layout:
    """Byte order and the two generations' field widths, as `struct` formats."""

    order: str
    offset: str
    count: str

    @property
    def inline(self) -> int:
        """Bytes of an entry's own room for values."""
        return struct.calcsize(self.offset)


@dataclass(frozen=True, slots=True)
class Directory:
    """One picture's entries; values are read when they are asked for.

    Attributes:
        content: the file.
        layout: how its numbers are written.
        entries: tag -> its raw entry.
    """

    content: bytes
    layout: Layout
    entries: dict[int, bytes] = field(repr=False)

    def count(self, tag: int) -> int:
        """How many values a tag has; 0 where it is missing or of a type that is not read."""
        entry = self.entries.get(tag)
        if entry is None or _kind(entry, self.layout) not in _FORMS:
            return 0
        return int(struct.unpack_from(self.layout.offset, entry, 4)[0])

    def values(self, tag: int) -> tuple[int, ...]:
        """The integers of a tag.

        Raises:
            EOFError: they lie outside the file.
        """
        if not self.count(tag):
            return ()
        where, at = self._place(tag)
        form = _FORMS[_kind(self.entries[tag], self.layout)]
        return struct.unpack_from(f"{self.layout.order}{self.count(tag)}{form}", where, at)

    def raw(self, tag: int) -> bytes:
        """The bytes of a tag's values.

        Raises:
            EOFError: they lie outside the file.
        """
        if not self.count(tag):
            return b""
        where, at = self._place(tag)
        return where[at : at + self._length(tag)]

    def one(self, tag: int, default: int = 0) -> int:
        """The first value of a tag."""
        if not self.count(tag):
            return default
        where, at = self._place(tag)
        return int(struct.unpack_from(self.layout.order + _FORMS[_kind(self.entries[tag], self.layout)], where, at)[0])

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.one(WIDTH) * self.one(HEIGHT)

    @property
    def is_reduced(self) -> bool:
        """Whether it calls itself a smaller copy or a mask of another picture."""
        return bool(self.one(SUBFILE) & (_REDUCED | _MASK)) or self.one(OLD_SUBFILE) == _OLD_REDUCED

    def _length(self, tag: int) -> int:
        return self.count(tag) * struct.calcsize("=" + _FORMS[_kind(self.entries[tag], self.layout)])

    def _place(self, tag: int) -> tuple[bytes, int]:
        entry = self.entries[tag]
        if self._length(tag) <= self.layout.inline:
            return entry, 4 + self.layout.inline
        (offset,) = struct.unpack_from(self.layout.offset, entry, 4 + self.layout.inline)
        if offset + self._length(tag) > len(self.content):
            raise EOFError(f"the values of tag {tag} are cut off")
        return self.content, offset


def layout_of(content: bytes) -> tuple[Layout, int]:
    """How numbers are written, and where the first directory is."""
    order = "<" if content[:2] == b"II" else ">"
    (version,) = struct.unpack_from(order + "H", content, 2)
    big = version == _BIG
    layout = Layout(order, order + "Q", order + "Q") if big else Layout(order, order + "I", order + "H")
    (first,) = struct.unpack_from(layout.offset, content, 8 if big else 4)
    return layout, first


def directories(content: bytes) -> list[Directory]:
    """The directories of the chain, each followed by its sub-directories; at most 64. Later damaged ones are skipped.

    Raises:
        EOFError: the first is cut off.
        struct.error: the first lies outside the file.
        ValueError: the first has too many entries.
    """
    layout, first = layout_of(content)
    directory, following = _read(content, first, layout)
    found = [directory]
    seen = {0, first}
    waiting = [*_sub_directories(directory), following]
    while waiting and len(seen) < _MAX_DIRECTORIES:
        start = waiting.pop(0)
        if start in seen:
            continue
        seen.add(start)
        try:
            directory, following = _read(content, start, layout)
        except (EOFError, ValueError, struct.error):
            continue
        found.append(directory)
        waiting += [*_sub_directories(directory), following]
    return found


def _sub_directories(directory: Directory) -> tuple[int, ...]:
    if directory.count(SUB_DIRECTORIES) > _MAX_DIRECTORIES:
        return ()
    try:
        return directory.values(SUB_DIRECTORIES)
    except EOFError:
        return ()


def _read(content: bytes, start: int, layout: Layout) -> tuple[Directory, int]:
    """A directory, and where the next one of the chain is; 0 where there is none."""
    (count,) = struct.unpack_from(layout.count, content, start)
    if count > _MAX_ENTRIES:
        raise ValueError(f"{count} directory entries")
    position = start + struct.calcsize(layout.count)
    length = 4 + 2 * layout.inline
    entries: dict[int, bytes] = {}
    for at in range(position, position + count * length, length):
        entry = content[at : at + length]
        if len(entry) < length:
            raise EOFError("the directory is cut off")
        (tag,) = struct.unpack_from(layout.order + "H", entry)
        entries.setdefault(tag, entry)
    after = content[position + count * length : position + count * length + layout.inline]
    return Directory(content, layout, entries), int.from_bytes(after, "little" if layout.order == "<" else "big")


def _kind(entry: bytes, layout: Layout) -> int:
    return int(struct.unpack_from(layout.order + "H", entry, 2)[0])
