import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import pytest

from lookalike.errors import ImageRefused
from lookalike.indexing.reading import refused_under
from lookalike.preprocessing import Limits, Preprocessing, prepare
from pictures import jpeg_bytes, photo

PREPROCESSING = Preprocessing(size=64, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
LIMITS = Limits(max_pixels=1_000_000)


def test_reading_is_a_function_that_runs_in_another_process():
    pictures = [jpeg_bytes(photo(seed=seed)) for seed in range(3)]
    read = partial(prepare, preprocessing=PREPROCESSING, limits=LIMITS, name="a.jpg")
    work = pickle.loads(pickle.dumps(read))  # noqa: S301 - our own
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = list(pool.map(work, pictures))
        with pytest.raises(ImageRefused) as refused_there:
            pool.submit(work, b"no picture").result()
    for content, far in zip(pictures, there, strict=True):
        near = read(content)
        np.testing.assert_array_equal(far.rows, near.rows)
        assert (far.width, far.height, far.columns) == (near.width, near.height, near.columns)
    with pytest.raises(ImageRefused) as refused_here:
        read(b"no picture")
    assert refused_there.value.message == refused_here.value.message


def test_what_a_refusal_depends_on_changes_with_the_limits():
    assert refused_under(LIMITS) == refused_under(Limits(max_pixels=1_000_000))
    assert refused_under(LIMITS) != refused_under(Limits(max_pixels=2_000_000))
