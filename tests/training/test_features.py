"""Descriptors are computed once an image, survive a kill at any byte, and one bad picture does not end it."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import ImageRefused, TrainingRefused
from lookalike.training.features import describe_images


class Counting:
    """Describes an image by three sums, and counts what it was asked."""

    def __init__(self, fingerprint="f" * 64):
        self.fingerprint = fingerprint
        self.described = 0

    def descriptors(self, batch):
        self.described += len(batch)
        return batch.sum(axis=(2, 3))


def prepare(image_id):
    if image_id.startswith("bad"):
        raise ImageRefused(image_id, "truncated", "ends early")
    return np.full((1, 3, 2, 2), float(image_id.split("-")[1]), np.float32)


def expected(image_ids):
    return np.stack([np.full(3, 4 * float(image_id.split("-")[1]), np.float32) for image_id in image_ids])


IDS = [f"image-{number}" for number in range(7)]


def test_a_second_run_computes_only_new_images_and_ignores_removed_ones(tmp_path):
    describe_images(IDS[:5], Counting(), prepare, folder=tmp_path, block=2)
    again = Counting()
    found = describe_images([*IDS[6:], *IDS[2:5]], again, prepare, folder=tmp_path, block=2)
    assert again.described == 1
    assert found.image_ids == (IDS[6], *IDS[2:5])
    np.testing.assert_array_equal(found.features(), expected(found.image_ids))


def test_another_model_shares_nothing(tmp_path):
    describe_images(IDS, Counting("a" * 64), prepare, folder=tmp_path)
    other = Counting("b" * 64)
    describe_images(IDS, other, prepare, folder=tmp_path)
    assert other.described == len(IDS)


def test_a_bad_picture_is_named_and_the_rest_go_on(tmp_path):
    told = []
    found = describe_images(["bad-1", *IDS], Counting(), prepare, folder=tmp_path, block=3, progress=told.append)
    assert found.image_ids == tuple(IDS)
    assert "ends early" in found.refused["bad-1"]
    assert sum(told) == len(IDS) + 1


def test_nothing_to_describe_says_so(tmp_path):
    with pytest.raises(TrainingRefused, match="none of 1 images"):
        describe_images(["bad-1"], Counting(), prepare, folder=tmp_path)


@settings(deadline=None, max_examples=60)
@given(rows=st.integers(0, 84), names=st.integers(0, 70))
def test_whatever_a_kill_left_the_result_is_the_same(tmp_path_factory, rows, names):
    root = tmp_path_factory.mktemp("cut")
    describe_images(IDS, Counting(), prepare, folder=root, block=2)
    folder = root / ("f" * 64)
    for name, size in (("rows.f32", rows), ("image_ids.txt", names)):
        os.truncate(folder / name, min(size, (folder / name).stat().st_size))
    found = describe_images(IDS, Counting(), prepare, folder=root, block=2)
    assert found.image_ids == tuple(IDS)
    np.testing.assert_array_equal(found.features(), expected(IDS))


def test_it_works_without_torch():
    code = "import sys; sys.modules['torch'] = None; import lookalike.training.features, lookalike.training.whitening"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
