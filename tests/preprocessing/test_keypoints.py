import numpy as np
import pytest

from keypoints.scenes import scene
from lookalike.errors import CropRefused, ImageRefused
from lookalike.keypoints import ASKED, STORED, Rule, same_thing
from lookalike.preprocessing import picture_keypoints
from lookalike.types import Box
from pictures import jpeg_bytes, png_bytes


def test_a_large_jpeg_gives_what_a_small_picture_gives():
    large = scene(1, size=(1600, 1200))
    found = picture_keypoints(jpeg_bytes(large), STORED, name="x")
    assert (found.width, found.height) == (320, 240)
    small = picture_keypoints(png_bytes(large.resize((320, 240))), STORED, name="x")
    assert same_thing(found, small, Rule()).inliers > 50


def test_only_the_crop_is_looked_at():
    picture = scene(1, size=(800, 600))
    crop = Box(0.25, 0, 0.5, 1)
    part = picture_keypoints(png_bytes(picture), ASKED, name="x", crop=crop)
    assert (part.width, part.height) == (320, 480)
    whole = picture_keypoints(png_bytes(picture), STORED, name="x")
    outline = np.array(same_thing(part, whole, Rule()).outline)
    assert outline == pytest.approx(np.array([(0.25, 0), (0.75, 0), (0.75, 1), (0.25, 1)]), abs=0.02)


def test_a_crop_of_one_pixel_has_no_keypoints():
    assert len(picture_keypoints(png_bytes(scene(1)), ASKED, name="x", crop=Box(3, 3, 1, 1, unit="pixel"))) == 0


def test_bad_bytes_and_crops_are_refused():
    with pytest.raises(ImageRefused):
        picture_keypoints(b"no image", ASKED, name="x")
    with pytest.raises(CropRefused):
        picture_keypoints(png_bytes(scene(1)), ASKED, name="x", crop=Box(300, 0, 100, 100, unit="pixel"))
