"""Camera raw files: detection, and the largest developed picture inside."""

import re
import struct
from collections.abc import Iterator
from dataclasses import replace

from lookalike.preprocessing.containers.jpeg import read_jpeg, size_of_jpeg
from lookalike.preprocessing.containers.record import Header, NotRead
from lookalike.preprocessing.containers.tiff import orientation_of_directory, read_directory
from lookalike.preprocessing.containers.tiff_directory import COMPRESSION, PHOTOMETRIC, Directory, directories
from lookalike.preprocessing.containers.tiff_picture import (
    STRIP_LENGTHS,
    STRIP_STARTS,
    TILE_LENGTHS,
    TILE_STARTS,
)

SIGNATURES: tuple[tuple[bytes, int, str], ...] = (
    (b"FUJIFILMCCD-RAW", 0, "RAF"),
    (b"FOVb", 0, "X3F"),
    (b"\0MRM", 0, "MRW"),
    (b"HEAPCCDR", 6, "CRW"),
    (b"ftypcrx ", 4, "CR3"),
    (b"IIU\0", 0, "RW2"),
    (b"IIRO", 0, "ORF"),
    (b"IIRS", 0, "ORF"),
    (b"MMOR", 0, "ORF"),
    (b"MMRS", 0, "ORF"),
    (b"CR\2\0", 8, "CR2"),
)
"""Bytes, where they stand, and the kind of raw file they tell; DNG, NEF, ARW, PEF and others are plain TIFF outside."""

_DNG_VERSION = 50_706
_MAKE = 271
_COLOUR_FILTER_ARRAY, _LINEAR_RAW = 32_803, 34_892
_RAW_COMPRESSIONS = {32_767, 32_769, 32_770, 34_713, 65_000, 65_535}
"""Sony's, Epson's packed, Samsung's, Nikon's, Kodak's, Pentax's."""
_VIEWABLE = {0, 1, 2, 6}
"""Photometric interpretations of pictures: grey, RGB, YCbCr."""
_TIFF = (b"II*\0", b"MM\0*")
_LIKE_TIFF = (b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"MMRS")
_JPEG_START = re.compile(rb"\xff\xd8\xff[\xc0-\xfe]")
_MAX_CANDIDATES = 256


def raw_kind(content: bytes) -> str | None:
    """The kind of camera raw file, such as `NEF`; None where it is none."""
    for signature, place, kind in SIGNATURES:
        if content.startswith(signature, place):
            return kind
    if not content.startswith(_TIFF):
        return None
    try:
        every = directories(content)
        if any(directory.count(_DNG_VERSION) for directory in every):
            return "DNG"
        if any(_is_raw_data(directory) for directory in every):
            return _by_maker(every[0].raw(_MAKE))
    except (EOFError, IndexError, ValueError, struct.error):
        return None
    return None


def read_raw(content: bytes) -> Header:
    """The largest JPEG or plain picture in the file: the camera's own development, mostly of full size.

    Raises:
        NotRead: there is none.
    """
    every = _directories(content)
    orientation = orientation_of_directory(every[0]) if every else 1
    jpeg = _largest_jpeg(content, _raw_spans(every))
    found = [*([jpeg] if jpeg else []), *_plain_pictures(every)]
    if not found:
        raise NotRead(f"a camera raw file ({raw_kind(content)}) without a developed picture in it, only sensor data")
    largest = max(found, key=lambda header: header.width * header.height)
    own = largest.orientation or 1
    return replace(largest, orientation=own if own > 1 else orientation)


def _directories(content: bytes) -> list[Directory]:
    if not content.startswith(_TIFF + _LIKE_TIFF):
        return []
    try:
        return directories(content)
    except (EOFError, ValueError, struct.error):
        return []


def _is_raw_data(directory: Directory) -> bool:
    photometric = directory.one(PHOTOMETRIC)
    return photometric in {_COLOUR_FILTER_ARRAY, _LINEAR_RAW} or directory.one(COMPRESSION) in _RAW_COMPRESSIONS


def _by_maker(make: bytes) -> str:
    kinds = {b"nikon": "NEF", b"sony": "ARW", b"pentax": "PEF", b"samsung": "SRW", b"hasselblad": "3FR"}
    return next((kind for name, kind in kinds.items() if make.lower().startswith(name)), "TIFF with sensor data")


def _raw_spans(every: list[Directory]) -> list[tuple[int, int]]:
    """Where sensor data is: what looks like a JPEG in there is a tile of it."""
    spans = []
    for directory in every:
        if not _is_raw_data(directory):
            continue
        for starts, lengths in ((STRIP_STARTS, STRIP_LENGTHS), (TILE_STARTS, TILE_LENGTHS)):
            pieces = list(zip(directory.values(starts), directory.values(lengths), strict=False))
            if pieces:
                spans.append((min(start for start, _ in pieces), max(start + length for start, length in pieces)))
    return spans


def _largest_jpeg(content: bytes, raw: list[tuple[int, int]]) -> Header | None:
    """Looked for by its marker everywhere but in the sensor data: makers hide it in notes of their own."""
    best, where, position = 0, 0, 0
    for _ in range(_MAX_CANDIDATES):
        found = _JPEG_START.search(content, position)
        if found is None:
            break
        inside = next((end for start, end in raw if start <= found.start() < end), 0)
        position = inside or found.start() + 1
        width, height = (0, 0) if inside else size_of_jpeg(content, found.start())
        if width * height > best:
            best, where = width * height, found.start()
    return replace(read_jpeg(content[where:]), coding="image/jpeg") if best else None


def _plain_pictures(every: list[Directory]) -> Iterator[Header]:
    for directory in every:
        if directory.one(PHOTOMETRIC) not in _VIEWABLE or _is_raw_data(directory):
            continue
        try:
            header = read_directory(directory)
        except (EOFError, IndexError, NotRead, OverflowError, ValueError, struct.error):
            continue
        if header.tiff is not None and max(header.tiff.bits) <= 8:  # noqa: PLR2004 - developed, not linear
            yield header
