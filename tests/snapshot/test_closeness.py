import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike import embedding
from lookalike.embedding.projection import Projection
from lookalike.neighbors import BACKENDS
from lookalike.snapshot import Closeness
from lookalike.types import Match
from unit_vectors import clustered, unit

MODELS = Path(embedding.__file__).parent / "models"
COSINES = [float(cosine) for cosine in np.linspace(-1.2, 1.2, 501)]


def index_of(vectors):
    return BACKENDS["exact"].build(vectors)


def calibrated(index, *, public=None, **options):
    return Closeness.of_index(index, public=np.ones(index.size, dtype=bool) if public is None else public, **options)


def nearest_of(vectors):
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    return cosines.max(axis=1)


def directions(size, *, seed):
    return unit(np.random.default_rng(seed).standard_normal((size, 32)))


def test_nearly_all_own_images_have_a_close_neighbour_and_half_a_very_close_one():
    vectors = clustered(900, 32, seed=3)
    closeness = calibrated(index_of(vectors))
    nearest = nearest_of(vectors)
    assert np.mean(nearest >= closeness.close) == pytest.approx(0.97, abs=0.01)
    assert np.mean(nearest >= closeness.very_close) <= 0.5 + 0.01


def test_strangers_have_no_close_match_even_where_own_images_have_none():
    vectors = directions(600, seed=0)  # no two belong together
    strangers = directions(300, seed=1)
    alone = calibrated(index_of(vectors))
    told = calibrated(index_of(vectors), strangers=strangers)
    new = (directions(300, seed=2) @ vectors.T).max(axis=1)
    assert np.mean(new >= alone.close) > 0.5
    assert np.mean(new >= told.close) <= 0.05


@pytest.mark.parametrize(
    "closeness",
    [
        calibrated(index_of(clustered(400, 16))),
        calibrated(index_of(clustered(12, 16))),
        calibrated(index_of(np.zeros((0, 16), dtype=np.float32))),
        calibrated(index_of(np.repeat(clustered(1, 16), 80, axis=0))),
        calibrated(index_of(directions(60, seed=0)), strangers=directions(60, seed=0)),
        Closeness.reference(None),
        Closeness.reference(np.array([0.2], dtype=np.float32)),
    ],
)
def test_the_scale_rises_from_0_to_100_and_words_follow_it(closeness):
    values = [closeness.percent(cosine) for cosine in COSINES]
    assert values == sorted(values)
    assert (values[0], values[-1]) == (0, 100)
    marks = ((99, Match.VERY_CLOSE), (90, Match.CLOSE), (50, Match.LOOSE), (0, Match.NONE))
    for cosine, value in zip(COSINES, values, strict=True):
        assert closeness.match(cosine) is next(match for least, match in marks if value >= least)
    assert closeness.percent(math.nan) == 0
    assert closeness.match(math.nan) is Match.NONE


def test_a_library_of_one_burst_leaves_room_for_others():
    burst = unit(directions(1, seed=0) + 0.001 * np.random.default_rng(1).standard_normal((200, 32)))
    closeness = calibrated(index_of(burst))
    assert closeness.match(0.92) is Match.CLOSE


def test_a_small_library_uses_the_models_reference():
    reference = np.linspace(0.4, 0.6, 101, dtype=np.float32)
    small, enough = index_of(clustered(49, 16)), index_of(clustered(50, 16))
    assert calibrated(small, reference=reference) == Closeness.reference(reference)
    assert Closeness.reference(reference).close == pytest.approx(0.5999, abs=0.0001)
    assert calibrated(enough, reference=reference) == calibrated(enough)


@pytest.mark.parametrize("model", ["lookalike-small", "efficientnet-lite0"])
def test_few_strangers_find_a_close_image_in_a_small_library(model):
    """A stranger asks 50 images at once, so that a cosine reached by one random pair of a hundred says nothing."""
    reference = Projection.load(MODELS / f"{model}.npz").reference_cosines
    close = Closeness.reference(reference).close
    assert (reference >= close).mean() < 0.01
    assert 0.6 < close <= 0.8


def test_the_same_index_gives_the_same_scale():
    vectors = clustered(3_000, 32, seed=5)
    assert calibrated(index_of(vectors), seed=1) == calibrated(index_of(vectors), seed=1)
    assert calibrated(index_of(vectors), seed=1) != calibrated(index_of(vectors), seed=2)


def test_hidden_images_have_no_part_in_the_scale():
    shown, hidden = clustered(600, 32, seed=5), directions(400, seed=7)
    public = np.repeat([True, False], [600, 400])
    strangers = directions(300, seed=1)
    told = calibrated(index_of(np.concatenate([shown, hidden])), public=public, strangers=strangers)
    assert told == calibrated(index_of(shown), strangers=strangers)
    few = np.arange(1000) < 49
    assert calibrated(index_of(np.concatenate([shown, hidden])), public=few) == Closeness.reference(None)


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=50), st.floats(-1, 1))
def test_any_sample_gives_a_rising_scale(cosines, typical):
    sample = np.array(cosines, dtype=np.float32)
    for closeness in (Closeness.reference(np.sort(sample)), Closeness.of(sample, typical=typical, strangers=sample)):
        assert -1 < closeness.loose < closeness.close < closeness.very_close < 1
