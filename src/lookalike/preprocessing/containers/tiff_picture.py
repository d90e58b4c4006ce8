"""One picture of a TIFF: how its samples are stored, and where its strips or tiles are."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from lookalike.preprocessing.containers.tiff_directory import (
    BITS,
    COMPRESSION,
    HEIGHT,
    PHOTOMETRIC,
    WIDTH,
    Directory,
)

STRIP_STARTS, STRIP_LENGTHS, TILE_STARTS, TILE_LENGTHS = 273, 279, 324, 325
SAMPLES, ROWS, PLANES, PREDICTOR, TILE_WIDTH, TILE_HEIGHT = 277, 278, 284, 317, 322, 323
EXTRA_SAMPLES, SAMPLE_FORMAT = 338, 339
UNCOMPRESSED = 1
YCBCR = 6

_NO_DATA = 42_113
_LARGEST_VALUE = 281
_MAX_SAMPLES = 256
_MAX_TILE_BYTES = 32 * 2**20
_SEPARATE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A strip or a tile, or some rows of a strip.

    Attributes:
        left: of its pixels in the picture.
        top: of its pixels in the picture.
        width: pixels that belong to the picture.
        height: pixels that belong to the picture.
        stored_width: pixels that are stored a row.
        spans: start and end in the file; one, or where samples are stored apart one for each.
    """

    left: int
    top: int
    width: int
    height: int
    stored_width: int
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffPicture:
    """What a directory says of its picture.

    Attributes:
        directory: all its entries.
        width: pixels.
        height: pixels.
        samples: values a pixel.
        bits: of each sample.
        sample_format: 1 unsigned, 2 signed, 3 floating point.
        compression: TIFF's code.
        photometric: TIFF's code of the photometric interpretation.
        piece_width: pixels of a row of a tile, or of the picture.
        piece_height: rows of a tile or strip.
        whole: False where a strip or tile reaches past the end of the file.
    """

    directory: Directory = field(repr=False)
    width: int
    height: int
    samples: int
    bits: tuple[int, ...]
    sample_format: int
    compression: int
    photometric: int
    piece_width: int
    piece_height: int
    starts: tuple[int, ...] = field(repr=False)
    lengths: tuple[int, ...] = field(repr=False)
    whole: bool = True

    @property
    def tiled(self) -> bool:
        """Whether it is stored in tiles, not strips."""
        return self.directory.count(TILE_WIDTH) > 0

    @property
    def planes(self) -> int:
        """How many pieces cover the same pixels: 1, or one for each sample."""
        return self.samples if self.directory.one(PLANES, 1) == _SEPARATE else 1

    @property
    def predictor(self) -> int:
        """1 none, 2 differences, 3 differences of floating point."""
        return self.directory.one(PREDICTOR, 1)

    @property
    def extra_samples(self) -> tuple[int, ...]:
        """1 associated alpha, 2 unassociated alpha, 0 unspecified."""
        return self.directory.values(EXTRA_SAMPLES)

    @property
    def largest_value(self) -> int:
        """The greatest a sample can be, where the file says so; else 0."""
        return self.directory.one(_LARGEST_VALUE)

    @property
    def no_data(self) -> float | None:
        """The value of pixels that were not measured, where the file says so (GDAL)."""
        try:
            return float(self.directory.raw(_NO_DATA).rstrip(b"\0 ").decode("ascii") or "x")
        except (EOFError, ValueError):
            return None

    def row_bytes(self, pixels: int) -> int:
        """Bytes of so many pixels of a row of one plane."""
        return math.ceil(pixels * self.bits[0] * (self.samples // self.planes) / 8)

    def pieces(self) -> Iterator[Piece]:
        """Row by row of tiles, or strip by strip."""
        across, down = math.ceil(self.width / self.piece_width), math.ceil(self.height / self.piece_height)
        for number in range(across * down):
            left, top = number % across * self.piece_width, number // across * self.piece_height
            rows = self.piece_height if self.tiled else min(self.piece_height, self.height - top)
            spans = [self._span(plane * across * down + number, rows) for plane in range(self.planes)]
            yield Piece(
                left=left,
                top=top,
                width=min(self.piece_width, self.width - left),
                height=min(self.piece_height, self.height - top),
                stored_width=self.piece_width,
                spans=tuple(spans),
            )

    def _span(self, number: int, rows: int) -> tuple[int, int]:
        """Position of a strip or tile. The stated lengths of uncompressed ones are often wrong, and are not needed."""
        start, length = self.starts[number], self.lengths[number]
        if self.compression == UNCOMPRESSED and self.photometric != YCBCR:
            length = rows * self.row_bytes(self.piece_width)
        return start, min(start + length, len(self.directory.content))


def read_picture(directory: Directory) -> TiffPicture:
    """The picture that a directory describes; its size and its position inside the file are checked.

    Raises:
        EOFError: a piece of the picture begins past the end of the file, or is not listed.
        ValueError: the directory contradicts itself.
    """
    width, height = directory.one(WIDTH), directory.one(HEIGHT)
    samples = directory.one(SAMPLES, 1)
    if not (width and height and 1 <= samples <= _MAX_SAMPLES):
        raise ValueError(f"a picture of {width} x {height} pixels of {samples} samples")
    bits = directory.values(BITS)[:samples] or (1,)
    tiled = directory.count(TILE_WIDTH) > 0
    piece_width = directory.one(TILE_WIDTH) if tiled else width
    piece_height = directory.one(TILE_HEIGHT) if tiled else min(directory.one(ROWS) or height, height)
    _check_tile(directory, piece_width, piece_height, sum(bits) if len(bits) > 1 else samples * bits[0])
    separate = samples if directory.one(PLANES, 1) == _SEPARATE else 1
    needed = math.ceil(width / piece_width) * math.ceil(height / piece_height) * separate
    starts, lengths, whole = _spans(directory, needed, tiled=tiled)
    return TiffPicture(
        directory=directory,
        width=width,
        height=height,
        samples=samples,
        bits=bits,
        sample_format=directory.one(SAMPLE_FORMAT, 1),
        compression=directory.one(COMPRESSION, UNCOMPRESSED),
        photometric=directory.one(PHOTOMETRIC, 1),
        piece_width=piece_width,
        piece_height=piece_height,
        starts=starts,
        lengths=lengths,
        whole=whole,
    )


def _check_tile(directory: Directory, width: int, height: int, bits: int) -> None:
    """A whole tile is decoded for each part of it, so a huge one around a small picture is an attack."""
    if width < 1 or height < 1:
        raise ValueError(f"tiles of {width} x {height} pixels")
    if directory.count(TILE_WIDTH) and width * height * bits // 8 > _MAX_TILE_BYTES:
        raise ValueError(f"tiles of {width:,} x {height:,} pixels; the limit is {_MAX_TILE_BYTES:,} bytes a tile")


def _spans(directory: Directory, needed: int, *, tiled: bool) -> tuple[tuple[int, ...], tuple[int, ...], bool]:
    """Start and length of each piece, and whether all of them end inside the file."""
    where, sizes = (TILE_STARTS, TILE_LENGTHS) if tiled else (STRIP_STARTS, STRIP_LENGTHS)
    end = len(directory.content)
    if directory.count(where) > needed:  # each is decoded, so millions are an attack
        raise ValueError(f"{directory.count(where):,} strips or tiles where {needed:,} cover the picture")
    if directory.count(where) < needed:
        raise EOFError("strips or tiles are missing")
    starts = directory.values(where)
    if any(start >= end for start in starts):
        raise EOFError("a strip or tile lies past the end of the file")
    lengths = directory.values(sizes) if directory.count(sizes) == needed else ()
    if not any(lengths):
        following = sorted({*starts, end})
        after = dict(itertools.pairwise(following))
        lengths = tuple(after[start] - start for start in starts)
    return starts, lengths, all(start + length <= end for start, length in zip(starts, lengths, strict=True))
