import numpy as np
import pytest

from keypoints.scenes import pixels, scene
from lookalike.keypoints import STORED, Keypoints, extract
from lookalike.keypoints.points import KEYPOINT


def test_what_is_packed_comes_back():
    made = extract(pixels(scene(1)), STORED)
    again = Keypoints.unpacked(made.packed)
    assert (again.width, again.height) == (320, 240)
    assert np.array_equal(again.points, made.points)
    assert len(made.packed) == 4 + len(made) * KEYPOINT.itemsize


def test_a_hundred_and_fifty_points_are_small():
    assert len(extract(pixels(scene(1)), STORED).packed) <= 3_700


def test_places_and_scales_are_measured_by_the_longer_side():
    made = Keypoints.of(
        size=(200, 100),
        places=np.array([[200.0, 100.0], [0.0, 50.0]]),
        scales=np.array([20.0, 2.0]),
        angles=np.array([90.0, 360.0]),
        bits=np.zeros((2, 128), bool),
    )
    assert made.extent == pytest.approx([1, 0.5])
    assert made.places == pytest.approx(np.array([[1, 0.5], [0, 0.25]]), abs=1e-4)
    assert made.scales == pytest.approx([0.1, 0.01], abs=1e-4)
    assert made.angles == pytest.approx([np.pi / 2, 0], abs=1e-3)


def test_bytes_that_are_no_keypoints_are_refused():
    with pytest.raises(ValueError, match="buffer"):
        Keypoints.unpacked(extract(pixels(scene(1)), STORED).packed[:-1])
