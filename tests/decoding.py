"""What tests of preprocessing ask of decoded pictures."""

import numpy as np
import pytest

from lookalike.errors import ImageRefused
from lookalike.preprocessing import Limits, decode


def pixels_of(content):
    return decode(content, name="picture").pixels


def levels_of(content):
    """As `pixels_of`, signed, so that they can be subtracted."""
    return pixels_of(content).astype(int)


def levels_apart(pixels, image):
    """Mean absolute difference, in levels, of pixels from what Pillow shows of an image."""
    return float(np.abs(pixels.astype(int) - np.asarray(image.convert("RGB")).astype(int)).mean())


def refusal_of(content, limits=None):
    """The refusal of a file, which names it."""
    with pytest.raises(ImageRefused) as refusal:
        decode(content, name="shelf/a.jpg", limits=limits or Limits())
    assert str(refusal.value).startswith("shelf/a.jpg: ")
    return refusal.value
