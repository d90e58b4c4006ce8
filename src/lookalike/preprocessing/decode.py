"""Bytes to upright RGB pixels: sniffed, limited, then decoded by the one decoder of the format."""

import logging
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image

from lookalike.errors import ImageRefused
from lookalike.preprocessing.colour import to_rgb
from lookalike.preprocessing.containers import Header, NotRead, read_header
from lookalike.preprocessing.containers.exif import orientation_of
from lookalike.preprocessing.decoders import Decoder, Wanted, decoder_for
from lookalike.preprocessing.decoders.scale import strips
from lookalike.preprocessing.formats import FORMATS, sniff
from lookalike.preprocessing.limits import DEFAULT_LIMITS, Limits
from lookalike.preprocessing.transparency import uncovered_as_transparent
from lookalike.types import Box, Pixels

_logger = logging.getLogger(__name__)

_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MARGIN = 2
_FIRST_TURNED = 5
"""Orientations from here swap width and height."""

_MOST_AS_ARRAY = 20_000_000
"""Pixels that `decode` gives at most: its array is a copy beside the decoder's."""
_SCALABLE = {"image/jpeg", "image/tiff", "image/webp"}
"""Coded so that a decoder can drop most of the pixels on the way."""

WHOLE = Box(x=0.0, y=0.0, width=1.0, height=1.0)
"""The crop that is the whole image."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoded:
    """An image's pixels.

    Attributes:
        pixels: [height, width, 3] uint8, upright RGB, C-contiguous, read-only; of a smaller size than `width` x
            `height` where less was asked for or all of it would take too much memory.
        width: of the upright original, pixels.
        height: of the upright original, pixels.
        media_type: what the bytes are, whatever the name says.
    """

    pixels: Pixels
    width: int
    height: int
    media_type: str


def decode(content: bytes, *, name: str, limits: Limits = DEFAULT_LIMITS, shortest_side: int | None = None) -> Decoded:
    """Upright RGB pixels of the first frame.

    Args:
        content: the file.
        name: what the caller calls it, for messages.
        limits: tested before decoding.
        shortest_side: where given, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, and any picture above 15
            megapixels at a fraction of it, as long as its shorter side keeps at least so many pixels. Divide by the
            crop's fraction first.

    Raises:
        ImageRefused: the bytes are not an acceptable image; its `reason` says why.
    """
    opened = OpenedImage(content, name=name, limits=limits)
    image = opened.rgb(shortest_side, most_pixels=_MOST_AS_ARRAY)
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top, strip in strips(image, 1):
        pixels[top : top + strip.height] = np.asarray(strip)
    pixels.flags.writeable = False
    return Decoded(pixels=pixels, width=opened.width, height=opened.height, media_type=opened.media_type)


def cut(pixels: Pixels, crop: Box) -> Pixels:
    """The part of the pixels that a crop covers, a contiguous copy of at least one pixel a side."""
    height, width, _ = pixels.shape
    box = crop.pixels(width, height)
    return np.ascontiguousarray(pixels[box.top : box.bottom, box.left : box.right])


class OpenedImage:
    """An image within the limits whose header is read and whose pixels are not decoded yet.

    Args:
        content: the file.
        name: what the caller calls it, for messages.
        limits: tested before any pixel is allocated.

    Attributes:
        width: of the upright image, pixels.
        height: of the upright image, pixels.
        media_type: what the bytes are.

    Raises:
        ImageRefused: empty, too large, not an image, of an unread format, or with a damaged header.
    """

    def __init__(self, content: bytes, *, name: str, limits: Limits = DEFAULT_LIMITS) -> None:
        limits.check_bytes(content, name=name)
        self._name = name
        self.media_type = sniff(content, name=name)
        self._limits = limits
        self._header = self._read_header(content)
        if self._header.width or self._header.height:
            self._check_size((self._header.width, self._header.height))
        with self._refusing():
            self._decoder: Decoder = decoder_for(self._header, self.media_type)
        width, height = self._decoder.size
        self._check_size((width, height))  # a hostile file may tell its decoder another size than us
        self._orientation = self._header.orientation or orientation_of(self._decoder.exif)
        turned = self._orientation >= _FIRST_TURNED
        self.width, self.height = (height, width) if turned else (width, height)

    @property
    def turned(self) -> bool:
        """Whether the file stores its pixels rotated or mirrored and says so: not every program turns them upright."""
        return self._orientation in _TO_UPRIGHT

    def rgb(self, shortest_side: int | None = None, *, most_pixels: int | None = None) -> Image.Image:
        """Decode, once: the upright RGB image.

        Args:
            shortest_side: as for `decode`.
            most_pixels: at most so many are given; None for as many as the limits allow.

        Raises:
            ImageRefused: truncated or damaged.
        """
        wanted = Wanted(
            shortest_side=shortest_side,
            most_pixels=min(most_pixels or self._limits.max_pixels, self._limits.max_pixels),
            turned=self.turned,
        )
        with self._refusing():
            image = self._decoder.load(wanted)
            if self._header.covered is not None:
                image = uncovered_as_transparent(image, self._covered(image.width / self._decoder.size[0]))
            del self._decoder  # it may hold what it decoded
            image = to_rgb(image, self._header.colour)
            method = _TO_UPRIGHT.get(self._orientation)
            return image if method is None else image.transpose(method)

    def _covered(self, scale: float) -> tuple[int, int, int, int]:
        """The part of the screen that a GIF's first frame covers, at a fraction of its size."""
        left, top, right, bottom = self._header.covered or (0, 0, 0, 0)
        return round(left * scale), round(top * scale), round(right * scale), round(bottom * scale)

    def _check_size(self, size: tuple[int, int]) -> None:
        reducible = (self._header.coding or self.media_type) in _SCALABLE
        self._limits.check_size(*size, name=self._name, reducible=reducible)
        self._limits.check_held(self._header.held_bytes, size[0] * size[1], name=self._name)

    def _read_header(self, content: bytes) -> Header:
        try:
            return read_header(content, self.media_type)
        except NotRead as error:
            raise self._not_read(error) from error
        except (EOFError, IndexError, OverflowError, struct.error) as error:
            raise self._refusal("truncated", "ends inside its header") from error
        except Exception as error:
            raise self._refusal("unreadable", f"is damaged: {error}") from error

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Turn any exception that a decoder raises for a damaged or hostile file into a refusal."""
        try:
            yield
        except NotRead as error:
            raise self._not_read(error) from error
        except Exception as error:
            _logger.debug("decoding %r failed", self._name, exc_info=True)
            if not self._header.whole or isinstance(error, EOFError) or "truncated" in str(error).lower():
                raise self._refusal("truncated", "is cut off: the file ends before the picture does") from error
            what = "needs more memory than there is" if isinstance(error, MemoryError) else f"is damaged: {error}"
            raise self._refusal("unreadable", what) from error

    def _refusal(self, reason: str, what: str) -> ImageRefused:
        remedy = "copy or download it again" if reason == "truncated" else "save it again from an image editor"
        return ImageRefused(self._name, reason, f"this {FORMATS[self.media_type][0]} image {what}; {remedy}")

    def _not_read(self, error: NotRead) -> ImageRefused:
        what = f"{error}, which is not read; save it as JPEG, PNG or WebP"
        return ImageRefused(self._name, "unsupported-format", what)


def side_for(width: int, height: int, crop: Box, size: int) -> int:
    """The shorter side to decode at, so that the crop has `size` pixels on its shorter side, plus a margin.

    A JPEG's own scaling aliases more than the filter that follows: at twice the size wanted, the result differs from
    that of a full decode by less than two levels; at just the size wanted, by twice as much. One pixel more is asked
    for, since a crop's edges are rounded to whole pixels.

    Args:
        width: of the upright image, pixels.
        height: of the upright image, pixels.
        crop: the part that is wanted.
        size: of the shorter side of the part, pixels.
    """
    shorter_of_crop = min(crop.width * width, crop.height * height)
    return max(math.ceil((_MARGIN * size + 1) * min(width, height) / shorter_of_crop), 1)
