import numpy as np
import pytest
from PIL import Image

from keypoints.scenes import pasted, pixels, scene
from lookalike.keypoints import ASKED, STORED, Rule, extract, same_thing


def compared(query, other):
    return same_thing(extract(pixels(query), ASKED), extract(pixels(other), STORED), Rule())


def test_a_picture_within_a_picture_is_found_with_its_outline():
    thing = scene(1, size=(300, 200))
    found = compared(thing, pasted(thing, scene(2, size=(600, 400)), at=(150, 100), size=(240, 160)))
    assert found.inliers >= 10
    expected = [(150 / 600, 100 / 400), (390 / 600, 100 / 400), (390 / 600, 260 / 400), (150 / 600, 260 / 400)]
    assert np.array(found.outline) == pytest.approx(np.array(expected), abs=0.03)


def test_a_photo_of_it_from_the_side_is_the_same_thing():
    thing = scene(1)
    coefficients = (1.1, 0.15, -20, 0.02, 1.2, -10, 0.0006, 0.0002)
    seen = thing.transform(thing.size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC)
    assert compared(seen.rotate(25, expand=True), thing) is not None


def test_different_pictures_are_not_the_same_thing():
    made = [extract(pixels(scene(seed)), STORED) for seed in range(12)]
    asked = [extract(pixels(scene(seed)), ASKED) for seed in range(12)]
    wrong = [
        (one, other)
        for one in range(12)
        for other in range(12)
        if one != other and same_thing(asked[one], made[other], Rule())
    ]
    assert wrong == []


def test_pictures_without_details_are_not_the_same_thing():
    flat = Image.new("RGB", (320, 240), "red")
    assert compared(flat, flat) is None
