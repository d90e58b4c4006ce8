import numpy as np
import pytest

from lookalike.keypoints import Keypoints
from lookalike.keypoints.alignment import Alignment, Tolerance, align

SIZE = (400, 300)


def points(places, *, scales=None, angles=None, size=SIZE):
    count = len(places)
    return Keypoints.of(
        size=size,
        places=np.asarray(places, float),
        scales=np.full(count, 8.0) if scales is None else scales,
        angles=np.zeros(count) if angles is None else angles,
        bits=np.zeros((count, 128), bool),
    )


def spread(count, seed=0):
    return np.random.default_rng(seed).uniform((40, 40), (360, 260), (count, 2))


def pairs(count):
    return np.stack([np.arange(count)] * 2, axis=1)


def test_a_turned_and_shrunk_picture_is_found_among_wrong_matches():
    here = spread(60)
    turn, factor = np.radians(30), 0.5
    rotation = factor * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    there = here @ rotation.T + (150, 20)
    there[20:] = spread(40, seed=1)
    found = align(
        points(here),
        points(there, scales=np.full(60, 4.0), angles=np.full(60, 30.0)),
        pairs(60),
        Tolerance(),
    )
    assert found.inliers >= 18
    assert found.matrix[:, :2] == pytest.approx(rotation, abs=0.02)


def test_matches_in_random_places_do_not_align():
    found = [
        align(points(spread(40, seed)), points(spread(40, seed + 100)), pairs(40), Tolerance()) for seed in range(20)
    ]
    assert max(one.inliers if one else 0 for one in found) < 8


def test_a_mirrored_picture_does_not_align():
    here = spread(40)
    there = (SIZE[0], 0) + here * (-1, 1)
    found = align(points(here), points(there, angles=np.full(40, 180.0)), pairs(40), Tolerance())
    assert found is None or found.inliers < 8


def test_one_detail_that_is_found_many_times_counts_once():
    here = np.full((30, 2), 200.0) + np.random.default_rng(0).uniform(0, 1, (30, 2))
    found = align(points(here), points(here), pairs(30), Tolerance())
    assert found is None or found.inliers <= 4


def test_the_outline_is_where_the_picture_lies_cut_off_at_the_edges():
    half = Alignment(matrix=np.array([[0.5, 0, 0.25], [0, 0.5, 0.1875]]), inliers=9)
    whole = points(spread(3))
    assert np.array(half.outline(whole, whole)) == pytest.approx(
        np.array([(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)])
    )
    twice = Alignment(matrix=np.array([[2.0, 0, -0.5], [0, 2, -0.5]]), inliers=9)
    assert set(twice.outline(whole, whole)) == {(0, 0), (1, 0), (1, 1), (0, 1)}
    away = Alignment(matrix=np.array([[1.0, 0, 3], [0, 1, 0]]), inliers=9)
    assert away.outline(whole, whole) == ()
