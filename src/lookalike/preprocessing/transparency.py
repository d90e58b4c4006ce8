"""Transparent pictures, composed onto a background that the visible parts stand out from."""

import numpy as np
from PIL import Image

WHITE = (255, 255, 255)
_GROUNDS = (255, 48, 128)
"""Grey levels in order of preference: white, dark, middle."""
_NEAR = 48
"""Levels of luma by which a pixel must differ from its ground to stand out."""
_LOST = 0.25
"""Share of what is visible that may be lost on white."""
_SAMPLES = 256


def on_ground(image: Image.Image) -> Image.Image:
    """RGB: an RGBA image on white, or on grey if more than a quarter of the visible part would be lost on white.

    White artwork (logos and icons for dark pages) would be blank on white. Composited before any resizing, so that
    colours hidden under alpha 0 never bleed into their neighbours.
    """
    ground = Image.new("RGB", image.size, _ground(image))
    ground.paste(image, mask=image)
    return ground


def uncovered_as_transparent(image: Image.Image, covered: tuple[int, int, int, int]) -> Image.Image:
    """RGBA of an image whose pixels outside a box (left, top, right, bottom) were never drawn."""
    drawn = image.convert("RGBA").crop(covered)
    screen = Image.new("RGBA", image.size)
    screen.paste(drawn, covered[:2])
    return screen


def _ground(image: Image.Image) -> tuple[int, int, int]:
    """The colour of the ground, from an even sample of the part that is not fully transparent."""
    alpha = image.getchannel("A")
    box = alpha.getbbox()
    if box is None or alpha.getextrema()[0] == 255:  # noqa: PLR2004 - nothing, or nothing but the picture, is seen
        return WHITE
    size = (min(box[2] - box[0], _SAMPLES), min(box[3] - box[1], _SAMPLES))
    sample = image.resize(size, Image.Resampling.NEAREST, box=box)
    weight = np.asarray(sample.getchannel("A"), np.float64).ravel()
    luma = np.asarray(sample.convert("RGB").convert("L"), np.float64).ravel()
    if not weight.any():  # thin lines between the samples
        return WHITE
    lost = {grey: float(weight[np.abs(luma - grey) < _NEAR].sum() / weight.sum()) for grey in _GROUNDS}
    level = _GROUNDS[0] if lost[_GROUNDS[0]] <= _LOST else min(_GROUNDS, key=lost.__getitem__)
    return (level, level, level)
