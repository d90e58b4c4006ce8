"""BMP of the kinds that Pillow does not read, or reads without a bound: other channel masks, run lengths."""

import io
import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, Image

from lookalike.preprocessing.containers import Header
from lookalike.preprocessing.containers.bmp import BmpFields
from lookalike.preprocessing.decoders.scale import Canvas, Wanted, fitted

_STRIP_PIXELS = 1_000_000
_MOST_CODES = 2_000_000
"""Escapes of a run-length picture; each is a step of a loop."""
_PAIRS = 32_768
_END_OF_ROW, _END, _MOVE = 0, 1, 2


class _BmpDecoder:
    """A BMP that Pillow does not read as its writers meant it.

    Args:
        header: whose content is decoded.
        fields: of its header.
    """

    exif = b""

    def __init__(self, header: Header, fields: BmpFields) -> None:
        self._content, self._fields = header.content, fields
        self.size = (fields.width, abs(fields.height))


class MaskedBmpDecoder(_BmpDecoder):
    """Pixels of 16 or 32 bits whose channels are cut out by masks."""

    def load(self, wanted: Wanted) -> Image.Image:
        """The pixels; see `Decoder`.

        Raises:
            EOFError: rows are missing.
        """
        canvas = Canvas(self.size, 1)
        for top, strip in self._strips():
            canvas.put(strip, 0, top)
        image = canvas.finished()
        if image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):  # writers that leave the channel out
            image.putalpha(255)
        return fitted(image, wanted)

    def _strips(self) -> Iterator[tuple[int, Image.Image]]:
        fields, (width, height) = self._fields, self.size
        length = (width * fields.bits + 31) // 32 * 4
        if fields.start + length * height > len(self._content):
            raise EOFError("the file ends before its picture does")
        rows = max(_STRIP_PIXELS // width, 1)
        masks = [mask for mask in fields.masks if mask]
        for top in range(0, height, rows):
            count = min(rows, height - top)
            first = top if fields.height < 0 else height - top - count
            stored = np.frombuffer(self._content, np.uint8, count * length, fields.start + first * length)
            values = stored.reshape(count, length).view(f"<u{fields.bits // 8}")[:, :width]
            values = values if fields.height < 0 else values[::-1]
            channels = np.stack([_channel(values, mask) for mask in fields.masks[: max(len(masks), 3)]], axis=-1)
            mode = "RGBA" if channels.shape[2] == 4 else "RGB"  # noqa: PLR2004 - with alpha
            yield top, Image.frombytes(mode, (width, count), channels.tobytes())


def _channel(values: NDArray[np.generic], mask: int) -> NDArray[np.uint8]:
    """The bits of a mask, scaled to 0..255."""
    if not mask:
        return np.zeros(values.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    most = mask >> shift
    part = (values.astype(np.uint32) & np.uint32(mask)) >> np.uint32(shift)
    return np.rint(part.astype(np.float64) * (255 / most)).astype(np.uint8)


class RunLengthBmpDecoder(_BmpDecoder):
    """RLE4 and RLE8, unpacked run by run into one picture of the declared size."""

    def load(self, wanted: Wanted) -> Image.Image:
        """The pixels; see `Decoder`. Pixels that no run draws have the palette's first colour.

        Raises:
            EOFError: rows are missing.
            ValueError: there are more codes than any picture has.
        """
        width, height = self.size
        codes = np.frombuffer(self._content, np.uint8, offset=min(self._fields.start, len(self._content)))
        indices = _unpacked(codes, width, height, bits=self._fields.bits)
        image = Image.frombuffer("P", self.size, indices, "raw", "P", 0, 1)
        image.putpalette(self._palette(), "RGB")
        return fitted(image, wanted)

    def _palette(self) -> list[int]:
        """As Pillow reads it from a header that says the picture is a single pixel."""
        head = bytearray(self._content[: self._fields.start])
        struct.pack_into("<ii", head, 18, 1, 1)
        struct.pack_into("<HI", head, 28, 8, 0)
        (colours,) = struct.unpack_from("<I", head, 46)
        struct.pack_into("<I", head, 46, colours or 1 << self._fields.bits)
        image = BmpImagePlugin.BmpImageFile(io.BytesIO(bytes(head) + bytes(4)))
        if image.mode == "1":
            return [0, 0, 0, 255, 255, 255]
        image.load()
        palette = image.getpalette("RGB") if image.mode == "P" else None
        return palette or [level for level in range(256) for _ in range(3)]


def _unpacked(codes: NDArray[np.uint8], width: int, height: int, *, bits: int) -> NDArray[np.uint8]:
    """Palette indices, [height, width], from the top; the file begins with the lowest row."""
    pen = _Pen(codes, np.zeros((height, width), np.uint8), bits)
    for _ in range(_MOST_CODES):
        if pen.is_done:
            return pen.canvas
        pen.step()
    raise ValueError(f"more than {_MOST_CODES:,} codes")


class _Pen:
    """Where the next run is drawn."""

    def __init__(self, codes: NDArray[np.uint8], canvas: NDArray[np.uint8], bits: int) -> None:
        self.canvas = canvas
        self._codes, self._bits = codes, bits
        self._position = self._column = self._row = 0

    @property
    def is_done(self) -> bool:
        """Whether all rows are drawn; the end code behind them may be missing."""
        height, width = self.canvas.shape
        at_end = self._position >= len(self._codes) - 1
        return self._row >= height or (at_end and self._row == height - 1 and self._column >= width)

    def step(self) -> None:
        """Draw the runs up to the next escape, or follow one."""
        code = self._next()
        if self._codes[self._position]:
            self._draw_runs()
            return
        self._position += 2
        if code == _END_OF_ROW:
            self._column, self._row = 0, self._row + 1
        elif code == _END:
            self._row = len(self.canvas)
        elif code == _MOVE:
            down = self._next()
            self._column += int(self._codes[self._position])
            self._row, self._position = self._row + down, self._position + 2
        else:
            self._draw_literally(code)

    def _next(self) -> int:
        """The second of the two bytes here."""
        if self._position + 1 >= len(self._codes):
            raise EOFError("the file ends before its picture does")
        return int(self._codes[self._position + 1])

    def _draw_literally(self, count: int) -> None:
        length = count if self._bits == 8 else (count + 1) // 2  # noqa: PLR2004 - RLE8
        part = self._codes[self._position : self._position + length]
        if len(part) < length:
            raise EOFError("the file ends before its picture does")
        self._draw(_nibbles(part, self._bits)[:count])
        self._column += count
        self._position += length + length % 2

    def _draw_runs(self) -> None:
        """Draw a few thousand runs at a time; pixels past the end of the row are dropped."""
        pairs = self._codes[self._position : self._position + 2 * _PAIRS]
        pairs = pairs[: len(pairs) // 2 * 2].reshape(-1, 2)
        escapes = np.flatnonzero(pairs[:, 0] == 0)
        pairs = pairs[: escapes[0]] if len(escapes) else pairs
        lengths = pairs[:, 0].astype(np.int64)
        total, room = int(lengths.sum()), self.canvas.shape[1] - self._column
        if room > 0:
            visible = int(np.searchsorted(np.cumsum(lengths), room)) + 1
            lengths, values = lengths[:visible], pairs[:visible, 1]
            pixels = np.repeat(values, lengths)
            if self._bits == 4:  # noqa: PLR2004 - RLE4: two colours in turn
                within = np.arange(len(pixels)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
                pixels = np.where(within % 2, pixels & 15, pixels >> 4)
            self._draw(pixels)
        self._position += 2 * len(pairs)
        self._column += total

    def _draw(self, pixels: NDArray[np.uint8]) -> None:
        line = self.canvas[len(self.canvas) - 1 - self._row]
        room = max(len(line) - self._column, 0)
        line[self._column : self._column + min(len(pixels), room)] = pixels[:room]


def _nibbles(part: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    return part if bits == 8 else np.stack([part >> 4, part & 15], axis=1).ravel()  # noqa: PLR2004 - RLE8
