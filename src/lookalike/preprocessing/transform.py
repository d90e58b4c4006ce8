"""Pixels to one row of a normalised batch."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.columns import ImageRow
from lookalike.preprocessing.appearance import appearance
from lookalike.preprocessing.decode import WHOLE, OpenedImage, side_for
from lookalike.preprocessing.limits import DEFAULT_LIMITS, Limits
from lookalike.types import Crop, Pixels

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """What a model wants its pixels to be.

    Attributes:
        size: height and width of the input, pixels.
        fit: how a picture becomes a square. `centre-crop` keeps the central square of its shorter side; `squash`
            ignores its shape; `pad` keeps all of it between bands that are zero in the row, that is of colour `mean`.
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
        batch_row: [3, size, size] float32, C-contiguous.
        width: of the upright original, pixels.
        height: of the upright original, pixels.
        media_type: what the bytes are, whatever the name says.
        mean_colour: `#rrggbb`, of the whole image, whatever the crop.
        columns: difference hash and colour signature of the whole image, whatever the crop.
    """

    batch_row: NDArray[np.float32]
    width: int
    height: int
    media_type: str
    mean_colour: str
    columns: ImageRow


def prepare(
    content: bytes,
    preprocessing: Preprocessing,
    *,
    name: str,
    limits: Limits = DEFAULT_LIMITS,
    crop: Crop | None = None,
) -> Prepared:
    """Decode, cut and transform; the same bytes always give the same row.

    A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where the cropped part then still has the pixels the model needs.
    `transform(cut(decode(...).pixels, crop), preprocessing)` gives the same row, with fewer shortcuts.

    Args:
        content: the file.
        preprocessing: what the model wants.
        name: what the caller calls the image, for messages.
        limits: tested before decoding.
        crop: part of the upright image; None is all of it.

    Raises:
        ImageRefused: the bytes are not an acceptable image.
    """
    opened = OpenedImage(content, name=name, limits=limits)
    part = crop or WHOLE
    image = opened.rgb(side_for(opened.width, opened.height, part, preprocessing.size))
    mean_colour, columns = appearance(image)
    box = part.box(*image.size)
    edges = (box.left, box.top, box.right, box.bottom)
    return Prepared(
        batch_row=_row(image if edges == (0, 0, *image.size) else image.crop(edges), preprocessing),
        width=opened.width,
        height=opened.height,
        media_type=opened.media_type,
        mean_colour=mean_colour,
        columns=columns,
    )


def transform(pixels: Pixels, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Resize to the model's square and z-score: `(value / 255 - mean) / std`.

    Args:
        pixels: [height, width, 3] uint8, upright RGB.
        preprocessing: what the model wants.

    Returns:
        [3, size, size] float32, C-contiguous.
    """
    return _row(Image.fromarray(pixels), preprocessing)


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
