import numpy as np
import pytest
from PIL import Image, ImageOps

from duplicates.altered import again, marked, product
from keypoints.scenes import pixels, scene
from lookalike.duplicates.texture import fine, same_texture
from lookalike.keypoints import Alignment

SAME = Alignment(matrix=np.array([[1.0, 0, 0], [0, 1, 0]]), inliers=9)


def texture(one, other, alignment=SAME):
    return same_texture(fine(pixels(one)), fine(pixels(other)), alignment)


def test_a_picture_has_its_own_texture_and_not_that_of_another():
    assert texture(scene(1), scene(1)) == 1
    assert texture(scene(1), again(scene(1), 40)) > 0.9
    assert texture(scene(1), scene(2)) < 0.2


def test_more_light_and_a_mark_leave_most_of_it():
    assert texture(scene(1), Image.eval(scene(1), lambda level: min(level + 12, 255))) > 0.8
    assert texture(scene(1), marked(scene(1))) > 0.6


def test_a_map_that_is_a_little_off_is_refined():
    off = Alignment(matrix=np.array([[1.01, 0.01, -0.008], [-0.01, 0.99, 0.006]]), inliers=9)
    assert texture(scene(1), scene(1), off) > 0.9


def test_a_border_does_not_count():
    bordered = ImageOps.expand(scene(1, size=(240, 180)), border=24, fill="black")
    there = Alignment(matrix=np.array([[240, 0, 24], [0, 240, 24]]) / 288, inliers=9)
    assert texture(scene(1, size=(240, 180)), bordered, there) > 0.9


def test_another_product_in_the_same_pose_has_another_texture():
    assert texture(product(1), product(1)) == 1
    assert texture(product(1), product(2)) < 0.4


@pytest.mark.parametrize("shape", [(64, 48), (300, 20)])
def test_nothing_is_said_of_plain_pictures(shape):
    assert texture(Image.new("RGB", shape, "white"), Image.new("RGB", shape, "white")) == 0
