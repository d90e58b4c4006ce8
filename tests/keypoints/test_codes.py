import numpy as np

from keypoints.scenes import pixels, scene
from lookalike.keypoints import STORED, extract
from lookalike.keypoints.codes import MIRRORING, signs


def apart(one, other):
    return np.bitwise_count(one ^ other).sum(axis=-1)


def test_codes_in_a_mirror_are_the_codes_with_flipped_bits():
    picture = pixels(scene(3))
    here = extract(picture, STORED)
    there = extract(np.ascontiguousarray(picture[:, ::-1]), STORED)
    reflected = here.places * (-1, 1) + (here.extent[0], 0)
    distances = np.linalg.norm(reflected[:, None] - there.places, axis=2)
    found, nearest = distances.min(axis=1) < 0.003, distances.argmin(axis=1)
    codes = there.points["code"][nearest[found]]
    assert found.sum() > 100
    assert np.median(apart(here.points["code"][found] ^ MIRRORING, codes)) <= 8
    assert np.median(apart(here.points["code"][found], codes)) >= 40


def test_a_descriptor_without_variation_differs_from_others_in_about_half_of_the_bits():
    rng = np.random.default_rng(0)
    bits = signs(rng.gamma(1, 20, (200, 128)).astype(np.float32))
    assert bits[:, 0].all()
    assert 0.4 < bits[:, 1:].mean() < 0.6
