"""Every pixel mode to 8-bit sRGB, without the clipping and the hidden colours of a plain conversion."""

from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.preprocessing.colour_management import transform_to_srgb
from lookalike.preprocessing.containers.colour_tags import UNTAGGED, ColourTags
from lookalike.preprocessing.transparency import on_ground

_PHOTOMETRIC = 262
_WHITE_IS_ZERO = 0
_LARGEST_8 = 255
_LARGEST_16 = 65_535


def to_rgb(image: Image.Image, tags: ColourTags = UNTAGGED) -> Image.Image:
    """An RGB image of the same size, in sRGB; the given one may be changed.

    Transparent pixels are laid on white, or on grey where what is visible is nearly white; 16-bit grey is divided by
    257; 32-bit integers are taken as 16-bit where they fit and else stretched from their least to their greatest value;
    floats are taken as 0..1 or 0..255 where they fit and else stretched; palette, grey, LAB and YCbCr are converted by
    Pillow, CMYK by its profile where it has one.

    Args:
        image: loaded, of any mode.
        tags: what the file says of its colours.
    """
    if image.mode == "CMYK":
        transform = transform_to_srgb(tags, stored="CMYK", given="CMYK")
        return transform(image) if transform else image.convert("RGB")
    plain = _plain(image)
    transform = transform_to_srgb(tags, stored=image.mode, given=plain.mode)
    managed = transform(plain) if transform else plain
    return on_ground(managed) if managed.mode == "RGBA" else managed


def _plain(image: Image.Image) -> Image.Image:
    """RGB, or RGBA where some of it is transparent, with colours as they are."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16"):
        return _grey16(image)
    if image.mode == "I":
        return _grey32(np.asarray(image))
    if image.mode == "F":
        return _grey_float(np.asarray(image))
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    return image.convert("RGB")


def _grey16(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.uint32)
    grey = ((values + 128) // 257).astype(np.uint8)
    if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey = _LARGEST_8 - grey  # Pillow inverts such TIFFs of 8 bits and not of 16
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        return Image.merge("LA", [Image.fromarray(grey), Image.fromarray(values != transparent).convert("L")]).convert(
            "RGBA"
        )
    return _from_grey(grey)


def _grey32(values: NDArray[np.int32]) -> Image.Image:
    if values.min() >= 0 and values.max() <= _LARGEST_16:
        return _from_grey(((values + 128) // 257).astype(np.uint8))
    return _from_grey(_stretched(values.astype(np.float64)))


def _grey_float(values: NDArray[np.float32]) -> Image.Image:
    """Not-a-number counts as the least value, infinities as the least and the greatest."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return _from_grey(np.zeros(values.shape, np.uint8))
    least, greatest = float(finite.min()), float(finite.max())
    # Before widening: numpy warns of a signalling NaN that is cast.
    whole = np.nan_to_num(values, nan=least, posinf=greatest, neginf=least).astype(np.float64)
    if least >= 0 and greatest <= 1:
        return _from_grey(np.rint(whole * _LARGEST_8).astype(np.uint8))
    if least >= 0 and greatest <= _LARGEST_8:
        return _from_grey(np.rint(whole).astype(np.uint8))
    return _from_grey(_stretched(whole))


def _stretched(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    least, greatest = values.min(), values.max()
    scale = _LARGEST_8 / (greatest - least) if greatest > least else 0.0
    return cast("NDArray[np.uint8]", np.rint((values - least) * scale).astype(np.uint8))


def _from_grey(grey: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(grey).convert("RGB")
