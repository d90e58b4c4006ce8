import sys

import numpy as np
import pytest

from keypoints.scenes import pixels, scene
from lookalike.errors import DependencyMissing
from lookalike.keypoints import ASKED, STORED, Detail, extract


def test_the_strongest_points_are_kept_and_always_the_same():
    picture = pixels(scene(1, size=(800, 600)))
    made = extract(picture, STORED)
    assert (len(made), made.width, made.height) == (150, 320, 240)
    assert made.packed == extract(picture, STORED).packed
    assert len(extract(picture, ASKED)) > 150


@pytest.mark.parametrize("size", [(1, 1), (15, 400), (400, 3), (64, 64)])
def test_a_picture_without_details_has_no_keypoints(size):
    assert len(extract(np.full((*size, 3), 90, np.uint8), STORED)) == 0


def test_a_small_picture_is_not_enlarged():
    made = extract(pixels(scene(1, size=(120, 90))), Detail(side=320, most=50))
    assert (made.width, made.height) == (120, 90)
    assert 30 <= len(made) <= 50


def test_without_opencv_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(DependencyMissing, match=r"pip install 'lookalike\[keypoints\]'"):
        extract(pixels(scene(1)), STORED)
