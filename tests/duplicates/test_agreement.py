import numpy as np
import pytest
from PIL import ImageOps

from keypoints.scenes import pasted, pixels, scene
from lookalike.duplicates.agreement import agreement, small
from lookalike.keypoints import Alignment

SAME = Alignment(matrix=np.array([[1.0, 0, 0], [0, 1, 0]]), inliers=9)


def agreed(one, other, alignment=SAME):
    return agreement(small(pixels(one)), small(pixels(other)), alignment)


def test_a_picture_agrees_with_itself_and_not_with_another():
    same, other = agreed(scene(1), scene(1)), agreed(scene(1), scene(2))
    assert (same.luma, same.chroma, same.share) == pytest.approx((1, 0, 1), abs=1e-3)
    assert other.luma < 0.5


def test_a_part_agrees_under_the_map_that_puts_it_there():
    whole = pasted(scene(1), scene(2, size=(640, 480)), at=(160, 120), size=(320, 240))
    found = agreed(scene(1), whole, Alignment(matrix=np.array([[0.5, 0, 0.25], [0, 0.5, 0.1875]]), inliers=9))
    assert found.luma > 0.9
    assert found.share == pytest.approx(1, abs=0.05)


def test_other_colours_do_not_agree():
    grey = ImageOps.grayscale(scene(1)).convert("RGB")
    assert agreed(scene(1), grey).luma > 0.9
    assert agreed(scene(1), grey).chroma > 10


def test_pictures_that_do_not_overlap_do_not_agree():
    away = Alignment(matrix=np.array([[1.0, 0, 5], [0, 1, 0]]), inliers=9)
    assert agreed(scene(1), scene(1), away).share == 0
