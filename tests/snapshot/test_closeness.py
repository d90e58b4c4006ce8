import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lookalike import embedding
from lookalike.embedding.projection import Projection
from lookalike.neighbors import BACKENDS
from lookalike.snapshot import Centring, Closeness
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


def centred_library():
    """600 images that share a direction, strangers that do not, and the centring of the images."""
    common = np.zeros(32, np.float32)
    common[0] = 2.5
    images = unit(clustered(600, 32, seed=5) + common)
    return images, Centring.of(images.mean(axis=0, dtype=np.float64), images[:0])


def close_to_best(closeness, centring, images, pictures):
    """How many of the pictures have a close best hit."""
    cosines = centring.rows(pictures) @ centring.rows(images).T
    best = cosines.argmax(axis=1)
    found = zip(cosines.max(axis=1), centring.belonging(pictures, images[best]), strict=True)
    scales = [(closeness.for_query(float(cosine), float(belonging)), cosine) for cosine, belonging in found]
    return float(
        np.mean([scale.match(cosine) is not Match.NONE and scale.percent(cosine) >= 90 for scale, cosine in scales])
    )


def test_what_a_library_has_in_common_tells_strangers_though_it_is_not_compared():
    images, centring = centred_library()
    strangers, others = directions(300, seed=1), directions(300, seed=2)
    index = index_of(centring.rows(images))
    told = calibrated(index, strangers=strangers, centring=centring)
    alone = calibrated(index, centring=centring)
    noisy = unit(images + 0.03 * np.random.default_rng(3).standard_normal(images.shape))
    assert close_to_best(told, centring, images, others) <= 0.02
    assert close_to_best(told, centring, images, noisy) >= 0.97
    assert told.marks == alone.marks  # strangers move the scale of their own queries only


@given(
    st.tuples(*[st.floats(-0.9, 0.99)] * 3).map(sorted),
    st.tuples(*[st.floats(-0.9, 0.99)] * 3).map(sorted),
    st.floats(-1, 1),
    st.floats(-1, 1),
)
def test_the_best_hit_is_no_closer_than_its_query_belongs_to_the_library(marks, belonging_marks, cosine, belonging):
    (loose, close, very_close), before = marks, tuple(belonging_marks)
    assume(min(close - loose, very_close - close, before[1] - before[0], before[2] - before[1]) > 1e-3)
    usual = Closeness(loose=loose, close=close, very_close=very_close, belonging=before)
    scale = usual.for_query(cosine, belonging)
    allowed = min(usual.percent(cosine), Closeness.of_marks(before).percent(belonging))
    expected = 100 if cosine == 1 else max(allowed, 50)  # below 50 there is no match, and no more is promised
    assert max(scale.percent(cosine), 50) == pytest.approx(expected, abs=1e-6)
    values = [scale.percent(float(value)) for value in np.linspace(-1, 1, 101)]
    assert values == sorted(values)
    assert all(
        value <= usual.percent(float(place)) + 1e-6
        for value, place in zip(values, np.linspace(-1, 1, 101), strict=True)
    )


def test_without_centring_a_query_has_the_scale_of_the_library():
    closeness = calibrated(index_of(clustered(600, 32)), strangers=directions(100, seed=1))
    assert closeness.for_query(0.9, 0.1) is closeness
