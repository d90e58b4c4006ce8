"""The scale to decode at, so that decoding takes at most 4 bytes per pixel and 64 MB."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

SLACK_BYTES = 60 * 10**6
"""What a decoder may take beside 4 bytes a pixel; 4 MB of the 64 are left for what follows it."""
MOST_COPIED = 15_000_000
"""Pixels up to which there is room for a second picture in that."""

_STRIP_PIXELS = 1_000_000
_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""Of a pixel in memory, by Pillow's mode; 4 in all others."""
_COLOURED = {"P": "RGB", "PA": "RGBA", "1": "L", "La": "LA", "RGBa": "RGBA"}
"""Modes whose pixels cannot be averaged, and one of the same meaning whose can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The size and the crop that a decoded picture is needed at.

    Attributes:
        shortest_side: pixels that the shorter side must keep where it has them; None for as many as find room.
        most_pixels: more are never kept.
        turned: whether a turned copy will be made.
    """

    shortest_side: int | None
    most_pixels: int
    turned: bool


class Decoder(Protocol):
    """A picture whose header is read and whose pixels are not.

    Attributes:
        size: width and height as stored, pixels.
        exif: its EXIF block, where the container's reader does not tell its orientation.
    """

    size: tuple[int, int]
    exif: bytes

    def load(self, wanted: Wanted) -> Image.Image:
        """The pixels, of the picture's own mode and possibly smaller, not turned."""
        ...


def by_need(size: tuple[int, int], wanted: Wanted) -> int:
    """The largest whole number by which the sides can be divided so that enough is left."""
    return max(min(size) // wanted.shortest_side, 1) if wanted.shortest_side else 1


def to_fit(pixels: int, most: int) -> int:
    """The least whole number by which the sides must be divided so that no more pixels are left."""
    return max(math.ceil(math.sqrt(pixels / max(most, 1))), 1) if pixels > most else 1


def fitted(image: Image.Image, wanted: Wanted) -> Image.Image:
    """The image, averaged in blocks where it is large and less of it is needed, or a copy of it would take too much."""
    pixels = image.width * image.height
    if image.mode.startswith("I;16") and "transparency" not in image.info:
        image = reduced(image, 1)  # to 8 bits, strip by strip
    if pixels <= MOST_COPIED:
        return image
    factor = max(by_need(image.size, wanted), to_fit(pixels, wanted.most_pixels), _for_copies(image, wanted))
    return image if factor == 1 else reduced(image, factor)


def _for_copies(image: Image.Image, wanted: Wanted) -> int:
    """So that the image and its conversion to RGB, and then that and its turned copy, find room."""
    pixels = image.width * image.height
    room = 4 * pixels + SLACK_BYTES
    plain = image.mode == "RGB" and "transparency" not in image.info
    copies = 2 if image.has_transparency_data and image.mode != "RGBA" else 1
    most = pixels if plain else (room - _BYTES.get(image.mode, 4) * pixels) // (4 * copies)
    return to_fit(pixels, min(most, MOST_COPIED if plain else room // 8) if wanted.turned else most)


def reduced(image: Image.Image, factor: int) -> Image.Image:
    """The image in a mode of 8 bits, its sides divided, rounded up: each block of pixels becomes its mean."""
    canvas = Canvas(image.size, factor)
    for top, strip in strips(image, factor):
        canvas.put(strip, 0, top)
    return canvas.finished()


def strips(image: Image.Image, multiple: int) -> Iterator[tuple[int, Image.Image]]:
    """The image from top to bottom in strips of some rows, a multiple of a number but for the last."""
    rows = max(_STRIP_PIXELS // image.width // multiple, 1) * multiple
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


class Canvas:
    """A picture put together from parts, each reduced as it arrives.

    Args:
        size: of the whole before it is reduced, pixels.
        factor: by which each side is divided.
    """

    def __init__(self, size: tuple[int, int], factor: int) -> None:
        self._size, self._factor = size, factor
        self._image: Image.Image | None = None
        self._waiting: Image.Image | None = None
        self._waiting_top = 0

    def put(self, part: Image.Image, left: int, top: int) -> None:
        """Add a part: a tile whose place is a multiple of the factor, or strips of full width in their order."""
        coloured = averageable(part)
        if self._factor == 1:
            self._paste(coloured, left, top)
        elif coloured.width == self._size[0]:
            self._put_strip(coloured, top)
        else:
            self._paste(coloured.reduce(self._factor), left // self._factor, top // self._factor)

    def finished(self) -> Image.Image:
        """The picture.

        Raises:
            ValueError: no part was put.
        """
        if self._image is None:
            raise ValueError("it has no pixels")
        return self._image

    def _put_strip(self, strip: Image.Image, top: int) -> None:
        if self._waiting is not None:
            both = Image.new(strip.mode, (strip.width, self._waiting.height + strip.height))
            both.paste(self._waiting, (0, 0))
            both.paste(strip, (0, self._waiting.height))
            strip, top = both, self._waiting_top
        last = top + strip.height >= self._size[1]
        rows = strip.height if last else strip.height // self._factor * self._factor
        if rows:
            self._paste(strip.crop((0, 0, strip.width, rows)).reduce(self._factor), 0, top // self._factor)
        left_over = strip.height - rows
        self._waiting = strip.crop((0, rows, strip.width, strip.height)) if left_over else None
        self._waiting_top = top + rows

    def _paste(self, part: Image.Image, left: int, top: int) -> None:
        whole = tuple(math.ceil(side / self._factor) for side in self._size)
        if self._image is None and part.size == whole:
            self._image = part
            return
        if self._image is None:
            self._image = Image.new(part.mode, (whole[0], whole[1]))
        self._image.paste(part, (left, top))


def averageable(image: Image.Image) -> Image.Image:
    """The image in a mode whose values can be averaged, its transparent colour as an alpha channel."""
    if image.mode in {"P", "L", "RGB"} and "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode.startswith("I;16"):
        return Image.fromarray(((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8))
    mode = _COLOURED.get(image.mode)
    return image if mode is None else image.convert(mode)
