"""Pixels to rows of a normalised batch: one, or a few where a picture is long."""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.columns import ImageRow
from lookalike.preprocessing.appearance import appearance
from lookalike.preprocessing.decode import WHOLE, OpenedImage, side_for
from lookalike.preprocessing.limits import DEFAULT_LIMITS, Limits
from lookalike.types import Batch, Box, Pixels

LONG = 1.6
"""Beyond this ratio of its sides a picture is described in parts: its central square would leave out too much of it."""
MOST_PARTS = 4
_MOST_SQUASHED = 1.25

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """What a model wants its pixels to be.

    Attributes:
        size: height and width of the input, pixels.
        fit: how a picture that is not long becomes a square. `centre-crop` keeps the central square of its shorter
            side; `squash` ignores its shape; `pad` keeps all of it between bands that are zero in the row, that is of
            colour `mean`.
        interpolation: Pillow's filter of that name, with antialiasing.
        mean: of each channel of RGB scaled to 0..1.
        std: of each channel of RGB scaled to 0..1, above 0.

    Raises:
        ValueError: a value outside its range.
    """

    size: int
    fit: Literal["centre-crop", "squash", "pad"] = "centre-crop"
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size is {self.size}; it must be at least 1")
        if self.fit not in _FITS:
            raise ValueError(f"fit is {self.fit!r}; it must be one of {', '.join(_FITS)}")
        if self.interpolation not in _FILTERS:
            raise ValueError(f"interpolation is {self.interpolation!r}; it must be one of {', '.join(_FILTERS)}")
        if min(self.std) <= 0:
            raise ValueError(f"std is {self.std}; its values must be above 0")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """An image ready for a model, and what was seen on the way.

    Attributes:
        rows: [parts, 3, size, size] float32, C-contiguous; one part but for long pictures, which have up to 4.
        width: of the upright original, pixels.
        height: of the upright original, pixels.
        media_type: what the bytes are, whatever the name says.
        mean_colour: `#rrggbb`, of the whole image, whatever the crop.
        columns: difference hash and colour signature of the whole image, whatever the crop.
    """

    rows: Batch
    width: int
    height: int
    media_type: str
    mean_colour: str
    columns: ImageRow


class Preparer(Protocol):
    """What prepares pictures as `prepare` does, here or elsewhere."""

    def __call__(
        self,
        content: bytes,
        preprocessing: Preprocessing,
        *,
        name: str,
        limits: Limits = DEFAULT_LIMITS,
        crop: Box | None = None,
    ) -> Prepared:
        """See `prepare`."""
        ...


def prepare(
    content: bytes,
    preprocessing: Preprocessing,
    *,
    name: str,
    limits: Limits = DEFAULT_LIMITS,
    crop: Box | None = None,
) -> Prepared:
    """Decode, cut and transform; the same bytes always give the same rows.

    A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where the cropped part then still has the pixels the model needs.
    `transform_parts(cut(decode(...).pixels, crop), preprocessing)` gives the same rows, with fewer shortcuts.

    Args:
        content: the file.
        preprocessing: what the model wants.
        name: what the caller calls the image, for messages.
        limits: tested before decoding.
        crop: part of the upright image; None is all of it.

    Raises:
        ImageRefused: the bytes are not an acceptable image.
        CropRefused: the crop leaves the image.
    """
    opened = OpenedImage(content, name=name, limits=limits)
    part = (crop or WHOLE).as_fractions(opened.width, opened.height)
    image = opened.rgb(side_for(opened.width, opened.height, part, preprocessing.size))
    mean_colour, columns = appearance(image)
    box = part.pixels(*image.size)
    edges = (box.left, box.top, box.right, box.bottom)
    return Prepared(
        rows=_rows(image if edges == (0, 0, *image.size) else image.crop(edges), preprocessing),
        width=opened.width,
        height=opened.height,
        media_type=opened.media_type,
        mean_colour=mean_colour,
        columns=columns,
    )


def transform_parts(pixels: Pixels, preprocessing: Preprocessing) -> Batch:
    """A picture as `prepare` gives it, [parts, 3, size, size] float32, C-contiguous.

    Args:
        pixels: [height, width, 3] uint8, upright RGB.
        preprocessing: what the model wants.
    """
    return _rows(Image.fromarray(pixels), preprocessing)


def transform(pixels: Pixels, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Resize to the model's square, however long the picture is, and z-score: `(value / 255 - mean) / std`.

    Args:
        pixels: [height, width, 3] uint8, upright RGB.
        preprocessing: what the model wants.

    Returns:
        [3, size, size] float32, C-contiguous.
    """
    return _row(Image.fromarray(pixels), preprocessing)


def _rows(image: Image.Image, preprocessing: Preprocessing) -> Batch:
    if max(image.size) <= LONG * min(image.size):
        return _row(image, preprocessing)[None]
    parts = [_resized(image, preprocessing, box) for box in _parts(*image.size)]
    return np.stack([_normalised(part, preprocessing) for part in parts])


def _parts(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """(left, top, right, bottom) of parts that are evenly spread over the longer side, from end to end.

    Two to four squares cover a picture of up to 4 : 1, four slightly squashed ones cover up to 5 : 1; beyond, gaps stay
    between them, for parts that are squashed further look like nothing.
    """
    longer, shorter = max(width, height), min(width, height)
    count = min(math.ceil(longer / shorter), MOST_PARTS)
    side = min(max(shorter, math.ceil(longer / count)), math.ceil(_MOST_SQUASHED * shorter))
    starts = [round((longer - side) * number / (count - 1)) for number in range(count)]
    if width > height:
        return [(start, 0, start + side, height) for start in starts]
    return [(0, start, width, start + side) for start in starts]


def _row(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.float32]:
    return _FITS[preprocessing.fit](image, preprocessing)


def _centre_crop(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Resize only what the crop keeps: the same samples as resizing all and cutting, when no side is rounded."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return _normalised(_resized(image, preprocessing, (left, top, left + side, top + side)), preprocessing)


def _squash(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.float32]:
    return _normalised(_resized(image, preprocessing, (0, 0, *image.size)), preprocessing)


def _pad(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.float32]:
    size, longer = preprocessing.size, max(image.size)
    width, height = (max(round(side * size / longer), 1) for side in image.size)
    inner = image.resize((width, height), _FILTERS[preprocessing.interpolation])
    left, top = (size - width) // 2, (size - height) // 2
    row = np.zeros((3, size, size), np.float32)
    row[:, top : top + height, left : left + width] = _normalised(inner, preprocessing)
    return row


_FITS = {"centre-crop": _centre_crop, "squash": _squash, "pad": _pad}


def _resized(image: Image.Image, preprocessing: Preprocessing, box: tuple[int, int, int, int]) -> Image.Image:
    """The box scaled to the model's square; pixels outside the box count in the filter's reach, as in Pillow."""
    size = (preprocessing.size, preprocessing.size)
    if (box[2] - box[0], box[3] - box[1]) == size:
        return image if image.size == size else image.crop(box)
    return image.resize(size, _FILTERS[preprocessing.interpolation], box=box)


def _normalised(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Each channel as value * scale + shift, written in place; channels leave Pillow one by one, already planar."""
    width, height = image.size
    row = np.empty((3, height, width), np.float32)
    for index, (mean, std) in enumerate(zip(preprocessing.mean, preprocessing.std, strict=True)):
        row[index] = np.frombuffer(image.tobytes("raw", "RGB"[index]), np.uint8).reshape(height, width)
        row[index] *= 1 / (255 * std)
        row[index] -= mean / std
    return row
