"""Bytes to upright RGB pixels: sniffed, limited, then decoded by the one decoder of the format."""

import io
import logging
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from lookalike.errors import ImageRefused
from lookalike.preprocessing.colour import to_rgb
from lookalike.preprocessing.containers import Header, read_header
from lookalike.preprocessing.containers.exif import orientation_of
from lookalike.preprocessing.formats import FORMATS, HEIC, sniff
from lookalike.preprocessing.limits import DEFAULT_LIMITS, Limits
from lookalike.preprocessing.transparency import uncovered_as_transparent
from lookalike.types import Crop, Pixels

_logger = logging.getLogger(__name__)

_DECODERS: dict[str, type[ImageFile.ImageFile]] = {
    "image/jpeg": JpegImagePlugin.JpegImageFile,
    "image/png": PngImagePlugin.PngImageFile,
    "image/webp": WebPImagePlugin.WebPImageFile,
    "image/gif": GifImagePlugin.GifImageFile,
    "image/bmp": BmpImagePlugin.BmpImageFile,
    "image/tiff": TiffImagePlugin.TiffImageFile,
    "image/avif": AvifImagePlugin.AvifImageFile,
}
"""The classes behind `Image.open(formats=...)`, called directly: no other decoder can be reached, and the warnings that
`Image.open` itself gives are not given."""

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

WHOLE = Crop(x=0.0, y=0.0, width=1.0, height=1.0)
"""The crop that is the whole image."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoded:
    """An image's pixels.

    Attributes:
        pixels: [height, width, 3] uint8, upright RGB, C-contiguous, read-only; of a smaller size than `width` x
            `height` where a JPEG was decoded at a fraction of its size.
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
        shortest_side: where given, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, as long as its shorter side
            keeps at least so many pixels. Divide by the crop's fraction first.

    Raises:
        ImageRefused: the bytes are not an acceptable image; its `reason` says why.
    """
    opened = OpenedImage(content, name=name, limits=limits)
    image = opened.rgb(shortest_side)
    return Decoded(pixels=np.asarray(image), width=opened.width, height=opened.height, media_type=opened.media_type)


def cut(pixels: Pixels, crop: Crop) -> Pixels:
    """The part of the pixels that a crop covers, a contiguous copy of at least one pixel a side."""
    height, width, _ = pixels.shape
    box = crop.box(width, height)
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
        self._header = self._read_header(content)
        if self._header.width or self._header.height:
            limits.check_size(self._header.width, self._header.height, name=name)
        with self._refusing():
            self._image = _decoder(self.media_type)(io.BytesIO(self._header.content))
        width, height = self._image.size
        limits.check_size(width, height, name=name)  # a hostile file may tell its decoder another size than us
        self._orientation = self._header.orientation or orientation_of(self._image.info.get("exif") or b"")
        turned = self._orientation >= _FIRST_TURNED
        self.width, self.height = (height, width) if turned else (width, height)

    @property
    def turned(self) -> bool:
        """Whether the file stores its pixels rotated or mirrored and says so: not every program turns them upright."""
        return self._orientation in _TO_UPRIGHT

    def rgb(self, shortest_side: int | None = None) -> Image.Image:
        """Decode, once: the upright RGB image.

        Args:
            shortest_side: as for `decode`.

        Raises:
            ImageRefused: truncated or damaged.
        """
        with self._refusing():
            if shortest_side is not None and isinstance(self._image, JpegImagePlugin.JpegImageFile):
                self._image.draft(None, (shortest_side, shortest_side))
            self._image.load()
            image = self._image
            if self._header.covered is not None:
                image = uncovered_as_transparent(image, self._header.covered)
            image = to_rgb(image, self._header.colour)
            method = _TO_UPRIGHT.get(self._orientation)
            return image if method is None else image.transpose(method)

    def _read_header(self, content: bytes) -> Header:
        try:
            return read_header(content, self.media_type)
        except (EOFError, IndexError, OverflowError, struct.error) as error:
            raise self._refusal("truncated", "ends inside its header") from error
        except Exception as error:
            raise self._refusal("unreadable", f"is damaged: {error}") from error

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Turn whatever a hostile file makes the decoder raise into a refusal."""
        try:
            yield
        except Exception as error:
            _logger.debug("decoding %r failed", self._name, exc_info=True)
            if not self._header.whole or isinstance(error, EOFError) or "truncated" in str(error).lower():
                raise self._refusal("truncated", "is cut off: the file ends before the picture does") from error
            what = "needs more memory than there is" if isinstance(error, MemoryError) else f"is damaged: {error}"
            raise self._refusal("unreadable", what) from error

    def _refusal(self, reason: str, what: str) -> ImageRefused:
        remedy = "copy or download it again" if reason == "truncated" else "save it again from an image editor"
        return ImageRefused(self._name, reason, f"this {FORMATS[self.media_type][0]} image {what}; {remedy}")


def side_for(width: int, height: int, crop: Crop, size: int) -> int:
    """The shorter side to ask for so that the crop of what is decoded keeps `size` pixels, and a margin.

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


def _decoder(media_type: str) -> Any:
    if media_type != HEIC:
        return _DECODERS[media_type]
    from pillow_heif import HeifImageFile  # noqa: PLC0415 - an optional package; `sniff` has made sure of it

    return HeifImageFile
