"""TIFF by strips and tiles, each decoded by Pillow or read as numbers, so that never more than a few are in memory."""

import io
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from lookalike.preprocessing.containers import NotRead
from lookalike.preprocessing.containers.tiff_picture import (
    PREDICTOR,
    ROWS,
    STRIP_LENGTHS,
    STRIP_STARTS,
    TILE_HEIGHT,
    TILE_LENGTHS,
    TILE_STARTS,
    TILE_WIDTH,
    UNCOMPRESSED,
    YCBCR,
    Piece,
    TiffPicture,
)
from lookalike.preprocessing.decoders.samples import Levels, Samples
from lookalike.preprocessing.decoders.scale import SLACK_BYTES, Canvas, Wanted, by_need, fitted, to_fit

_DEFLATE = {8, 32_946}
_BYTEWISE = {UNCOMPRESSED, 5, 32_773, 34_925, 50_000, *_DEFLATE}
"""Compressions that know nothing of samples: none, LZW, PackBits, LZMA, Zstandard, deflate."""
_NAMES = {
    **dict.fromkeys((34_712, 33_003, 33_005), "JPEG 2000"),
    **dict.fromkeys((34_676, 34_677), "LogLuv"),
    **dict.fromkeys((50_002, 52_546), "JPEG XL"),
    34_661: "JBIG",
    34_887: "LERC",
    34_892: "lossy DNG",
    34_933: "PNG",
}
_PICTURE_TAGS = (256, 257, 258, 259, 262, 266, 277, 284, 292, 293, 317, 320, 338, 339, 347, 530)
_SHORTS = {258, 320, 338, 339, 530}
_TABLES = 347
_UNDEFINED, _SHORT, _LONG = 7, 3, 4
_GROUP_PIXELS = 1_000_000
_GROUP_BYTES = 4_000_000
_MOST_HELD = 24 * 10**6
"""Bytes of a strip that must be unpacked whole, and is then read as numbers."""
_DIFFERENCES = 2


class TiffDecoder:
    """Decodes the picture piece by piece.

    Args:
        picture: where its pieces are.
    """

    exif = b""

    def __init__(self, picture: TiffPicture) -> None:
        self._picture = picture
        self.size = (picture.width, picture.height)
        uniform = len(set(picture.bits)) == 1
        self._by_pillow = uniform and picture.bits[0] in {1, 2, 4, 8} and picture.sample_format in {1, 4}
        self._samples = None if self._by_pillow else Samples(picture)
        if not self._by_pillow and picture.compression not in _BYTEWISE:
            name = _NAMES.get(picture.compression, f"compression {picture.compression}")
            raise NotRead(f"a TIFF of {picture.bits[0]}-bit samples with {name}")
        self._check_strips()

    def load(self, wanted: Wanted) -> Image.Image:
        """The pixels; see `Decoder`."""
        factor = self._factor(wanted)
        canvas = Canvas(self.size, factor)
        for left, top, part in self._parts():
            canvas.put(part, left, top)
        return fitted(canvas.finished(), wanted)

    def _factor(self, wanted: Wanted) -> int:
        """By which the parts are reduced as they are read; tiles are only reduced by what divides their sides."""
        pixels = self.size[0] * self.size[1]
        most = min(wanted.most_pixels, pixels if pixels <= _GROUP_PIXELS else wanted.most_pixels)
        least = to_fit(pixels, most)
        factor = max(least, by_need(self.size, wanted)) if pixels > 15 * _GROUP_PIXELS else least
        if factor == 1 or not self._picture.tiled:
            return factor
        common = math.gcd(self._picture.piece_width, self._picture.piece_height)
        fitting = [number for number in range(1, common + 1) if common % number == 0]
        at_most = [number for number in fitting if least <= number <= factor]
        return at_most[-1] if at_most else next((number for number in fitting if number >= least), common)

    def _check_strips(self) -> None:
        """Refuse a single huge compressed strip, which would be unpacked as a whole in addition to the picture."""
        picture = self._picture
        if picture.compression == UNCOMPRESSED or picture.compression in _DEFLATE:
            return
        held = picture.row_bytes(picture.piece_width) * picture.piece_height * picture.planes
        limit = SLACK_BYTES if self._by_pillow else _MOST_HELD
        if held > limit:
            raise NotRead(
                f"a TIFF whose pixels are compressed in one strip of {held / 1e6:,.0f} MB (the limit is"
                f" {limit / 1e6:,.0f} MB), instead of strips of a few rows or tiles"
            )

    def _parts(self) -> Iterator[tuple[int, int, Image.Image]]:
        if self._samples is None:
            return self._pillow_parts()
        return self._numeric_parts(self._samples)

    def _pillow_parts(self) -> Iterator[tuple[int, int, Image.Image]]:
        picture = self._picture
        plain = picture.photometric != YCBCR and picture.directory.one(266, 1) == 1
        for group in _groups(picture):
            first = group[0]
            stored = picture.row_bytes(first.stored_width) * first.height
            if plain and not picture.tiled and stored > _GROUP_BYTES and self._splits:
                for part, rows in _split(picture, first):
                    yield 0, part.top, self._decoded([part], rows)
            else:
                yield first.left, first.top, self._decoded(group, None)

    @property
    def _splits(self) -> bool:
        compression = self._picture.compression
        return compression == UNCOMPRESSED or compression in _DEFLATE

    def _decoded(self, group: Sequence[Piece], rows: Sequence[bytes] | None) -> Image.Image:
        """One picture of some pieces, or of rows that are unpacked already."""
        content = _small_tiff(self._picture, group, rows)
        try:
            image = TiffImagePlugin.TiffImageFile(io.BytesIO(content))
        except SyntaxError as error:
            raise NotRead(self._kind()) from error
        image.load()
        return image

    def _kind(self) -> str:
        picture = self._picture
        name = _NAMES.get(picture.compression, f"compression {picture.compression}")
        return (
            f"a TIFF of {picture.samples} samples of {picture.bits[0]} bits, photometric interpretation"
            f" {picture.photometric}, {name}"
        )

    def _numeric_parts(self, samples: Samples) -> Iterator[tuple[int, int, Image.Image]]:
        """Read the file twice if the range of its values determines black and white."""
        levels = Levels(samples)
        if levels.needs_range:
            for piece, rows in self._rows():
                levels.look_at(samples.values(rows, piece.stored_width)[:, : piece.width])
        for piece, rows in self._rows():
            values = samples.values(rows, piece.stored_width)[:, : piece.width]
            yield piece.left, piece.top, levels.image(values)

    def _rows(self) -> Iterator[tuple[Piece, list[bytes]]]:
        """Unpacked rows, of each plane, some at a time."""
        for piece in self._picture.pieces():
            if self._splits:
                yield from _split(self._picture, piece)
            else:
                yield piece, [self._unpacked(span, piece) for span in piece.spans]

    def _unpacked(self, span: tuple[int, int], piece: Piece) -> bytes:
        """The bytes of a strip or tile, by having them decoded as a picture of grey bytes."""
        picture = self._picture
        width = picture.row_bytes(piece.stored_width)
        data = picture.directory.content[span[0] : span[1]]
        height = picture.piece_height if picture.tiled else piece.height
        numbers = {256: width, 257: height, 258: 8, 259: picture.compression, 262: 1, 277: 1}
        entries: dict[int, tuple[int, ...]] = {tag: (number,) for tag, number in numbers.items()}
        entries |= {ROWS: (height,), STRIP_LENGTHS: (len(data),)}
        image = TiffImagePlugin.TiffImageFile(io.BytesIO(_written("<", entries, b"", [data])))
        image.load()
        return image.tobytes()[: width * piece.height]


def _groups(picture: TiffPicture) -> Iterator[list[Piece]]:
    """Neighbouring strips, or tiles of one row, that are decoded at once."""
    group: list[Piece] = []
    held = 0
    for piece in picture.pieces():
        pixels = piece.stored_width * piece.height
        if group and (held + pixels > _GROUP_PIXELS or (picture.tiled and piece.top != group[0].top)):
            yield group
            group, held = [], 0
        group.append(piece)
        held += pixels
    if group:
        yield group


def _split(picture: TiffPicture, piece: Piece) -> Iterator[tuple[Piece, list[bytes]]]:
    """Some rows at a time of a piece that is not compressed or deflated.

    Raises:
        EOFError: the file ends before the piece does.
    """
    length = picture.row_bytes(piece.stored_width)
    count = max(_GROUP_BYTES // max(length * picture.planes, 1), 1)
    packed = picture.compression != UNCOMPRESSED
    streams = [_Inflated(picture, span) if packed else _Stored(picture, span) for span in piece.spans]
    for row in range(0, piece.height, count):
        rows = min(count, piece.height - row)
        yield replace(piece, top=piece.top + row, height=rows), [stream.read(rows * length) for stream in streams]


class _Stored:
    """Bytes that are not compressed; lengths in the directory are often wrong and not needed."""

    def __init__(self, picture: TiffPicture, span: tuple[int, int]) -> None:
        self._content, self._position = picture.directory.content, span[0]

    def read(self, count: int) -> bytes:
        part = self._content[self._position : self._position + count]
        if len(part) < count:
            raise EOFError("the file ends before its picture does")
        self._position += count
        return part


class _Inflated:
    """Deflated bytes, inflated as they are asked for; a wrong checksum after the last is not looked at."""

    def __init__(self, picture: TiffPicture, span: tuple[int, int]) -> None:
        self._stream = zlib.decompressobj()
        self._rest: bytes = picture.directory.content[span[0] : span[1]]

    def read(self, count: int) -> bytes:
        parts, missing = [], count
        while missing:
            part = self._stream.decompress(self._rest, missing)
            self._rest = self._stream.unconsumed_tail
            if not part:
                raise EOFError("the file ends before its picture does")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)


def _small_tiff(picture: TiffPicture, group: Sequence[Piece], rows: Sequence[bytes] | None) -> bytes:
    """A TIFF file of these strips or tiles only, with only the entries that describe the picture.

    The decoder reads whatever a directory points at, and warns where that is malformed.
    """
    directory = picture.directory
    entries = {tag: directory.values(tag) for tag in _PICTURE_TAGS if directory.count(tag) and tag != _TABLES}
    tables = directory.raw(_TABLES)
    width = sum(piece.width for piece in group) if picture.tiled else picture.width
    height = group[0].height if picture.tiled else sum(piece.height for piece in group)
    entries |= {256: (width,), 257: (height,)}
    planes = range(picture.planes)
    if rows is None:
        data = [directory.content[slice(*piece.spans[plane])] for plane in planes for piece in group]
    else:
        entries |= {259: (UNCOMPRESSED,), PREDICTOR: (1,)}
        data = [_without_differences(part, picture, group[0]) for part in rows]
        data = list(rows) if picture.predictor != _DIFFERENCES else data
    if picture.tiled:
        entries |= {TILE_WIDTH: (picture.piece_width,), TILE_HEIGHT: (picture.piece_height,)}
        entries[TILE_LENGTHS] = tuple(map(len, data))
    else:
        entries |= {ROWS: (group[0].height,), STRIP_LENGTHS: tuple(map(len, data))}
    return _written(directory.layout.order, entries, tables, data)


def _without_differences(rows: bytes, picture: TiffPicture, piece: Piece) -> bytes:
    """Samples of 8 bits from the differences between neighbours (TIFF 6.0, section 14)."""
    samples = picture.samples // picture.planes
    values: NDArray[np.uint8] = np.frombuffer(rows, np.uint8).reshape(piece.height, -1, samples)
    return np.cumsum(values, axis=1, dtype=np.uint8).tobytes()


def _written(order: str, entries: dict[int, tuple[int, ...]], tables: bytes, data: Sequence[bytes]) -> bytes:
    """A TIFF with one directory, the values that do not fit into it, and the pieces."""
    starts = TILE_STARTS if TILE_LENGTHS in entries else STRIP_STARTS
    entries = {**entries, starts: (0,) * len(data)}
    count = len(entries) + bool(tables)
    outside = 8 + 2 + 12 * count + 4
    total = sum(_padded(tag, values) for tag, values in entries.items()) + len(tables) + len(tables) % 2
    places, position = [], outside + total
    for part in data:
        places.append(position)
        position += len(part)
    entries[starts] = tuple(places)
    directory, extra = b"", b""
    kinds = {tag: (_SHORT if tag in _SHORTS else _LONG) for tag in entries}
    packed = {
        tag: struct.pack(f"{order}{len(values)}{'H' if kinds[tag] == _SHORT else 'I'}", *values)
        for tag, values in entries.items()
    }
    if tables:
        kinds[_TABLES], packed[_TABLES] = _UNDEFINED, tables
    for tag in sorted(packed):
        value = packed[tag]
        number = len(tables) if tag == _TABLES else len(entries[tag])
        directory += struct.pack(order + "HHI", tag, kinds[tag], number)
        if len(value) <= 4:  # noqa: PLR2004 - an entry's own room
            directory += value.ljust(4, b"\0")
        else:
            directory += struct.pack(order + "I", outside + len(extra))
            extra += value + bytes(len(value) % 2)
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    body = struct.pack(order + "H", count) + directory + bytes(4) + extra.ljust(total, b"\0")
    return b"".join([head, body, *data])


def _padded(tag: int, values: tuple[int, ...]) -> int:
    """Bytes of an entry's values outside the directory."""
    length = len(values) * (2 if tag in _SHORTS else 4)
    return 0 if length <= 4 else length + length % 2  # noqa: PLR2004 - an entry's own room
