import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from duplicates.altered import again
from keypoints.scenes import pasted, pixels, scene
from lookalike.duplicates.agreement import agreement, small
from lookalike.keypoints import Alignment

SAME = Alignment(matrix=np.array([[1.0, 0, 0], [0, 1, 0]]), inliers=9)


def agreed(one, other, alignment=SAME):
    return agreement(small(pixels(one)), small(pixels(other)), alignment)


def test_a_picture_agrees_with_itself_and_not_with_another():
    same, other = agreed(scene(1), scene(1)), agreed(scene(1), scene(2))
    assert (same.luma, same.colour, same.share) == pytest.approx((1, 0, 1), abs=1e-3)
    assert other.luma < 0.5


def test_a_part_agrees_under_the_map_that_puts_it_there():
    whole = pasted(scene(1), scene(2, size=(640, 480)), at=(160, 120), size=(320, 240))
    found = agreed(scene(1), whole, Alignment(matrix=np.array([[0.5, 0, 0.25], [0, 0.5, 0.1875]]), inliers=9))
    assert found.luma > 0.9
    assert found.share == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("seed", range(4))
def test_some_of_the_pixels_tell_roughly_what_all_of_them_do(seed):
    one, other = scene(seed, size=(480, 360)), again(scene(seed, size=(480, 360)), 20)
    exact, rough = (agreement(small(pixels(one)), small(pixels(other)), SAME, step=step) for step in (1, 4))
    assert (rough.luma, rough.share) == pytest.approx((exact.luma, exact.share), abs=0.05)
    assert rough.colour == pytest.approx(exact.colour, abs=2)


def test_other_colours_do_not_agree():
    grey = ImageOps.grayscale(scene(1)).convert("RGB")
    assert agreed(scene(1), grey).luma > 0.9
    assert agreed(scene(1), grey).colour > 8


def test_a_small_thing_in_another_colour_does_not_agree():
    shots = []
    for colour in ("red", "green"):
        shot = Image.new("RGB", (240, 180), "white")
        ImageDraw.Draw(shot).rectangle((90, 60, 150, 110), fill=colour)
        shots.append(shot)
    assert agreed(*shots).odd_colour > 14
    assert agreed(shots[0], again(shots[0], 40)).odd_colour < 5


def test_a_border_does_not_count():
    light = Image.new("RGB", (240, 180), "white")
    ImageDraw.Draw(light).ellipse((90, 60, 150, 120), fill="gray")
    bordered = ImageOps.expand(light, border=24, fill="black")
    found = agreed(light, bordered, Alignment(matrix=np.array([[240, 0, 24], [0, 240, 24]]) / 288, inliers=9))
    assert found.luma > 0.98
    assert found.difference < 4


def test_another_shot_of_a_scene_differs_more_than_a_copy():
    shot = scene(1, size=(480, 360))
    other = shot.copy()
    ImageDraw.Draw(other).rectangle((100, 80, 300, 260), fill="white")
    assert agreed(shot, other).difference > 16 > agreed(shot, again(shot, 40)).difference


def test_pictures_that_do_not_overlap_do_not_agree():
    away = Alignment(matrix=np.array([[1.0, 0, 5], [0, 1, 0]]), inliers=9)
    assert agreed(scene(1), scene(1), away).share == 0
