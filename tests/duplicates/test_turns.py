import numpy as np
import pytest
from PIL import Image, ImageOps

from keypoints.scenes import pixels, scene
from lookalike.duplicates.turns import TURNS, shapes, turned
from lookalike.preprocessing import colour_signature

PICTURE = scene(1, size=(320, 320))
MADE = {
    "upright": PICTURE,
    "turned by 90 degrees": PICTURE.transpose(Image.Transpose.ROTATE_90),
    "turned by 180 degrees": PICTURE.transpose(Image.Transpose.ROTATE_180),
    "turned by 270 degrees": PICTURE.transpose(Image.Transpose.ROTATE_270),
    "mirrored": ImageOps.mirror(PICTURE),
    "upside down and mirrored": ImageOps.flip(PICTURE),
    "mirrored and turned by 90 degrees": ImageOps.mirror(PICTURE).transpose(Image.Transpose.ROTATE_90),
    "mirrored and turned by 270 degrees": ImageOps.mirror(PICTURE).transpose(Image.Transpose.ROTATE_270),
}


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_signature_is_that_of_the_turned_picture(turn):
    signature = colour_signature(pixels(PICTURE))[None]
    expected = colour_signature(pixels(MADE[turn]))[None]
    assert np.abs(turned(signature, turn).astype(int) - expected).max() <= 1
    apart = [np.bitwise_count(shapes(turned(signature, one)) ^ shapes(expected)).sum() for one in TURNS]
    assert list(TURNS)[int(np.argmin(apart))] == turn
