import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.snapshot import Closeness
from unit_vectors import clustered, unit

COSINES = np.linspace(-1.2, 1.2, 2_001)


def random_pairs(vectors):
    return np.sort((vectors @ vectors.T)[np.triu_indices(len(vectors), 1)])


def test_a_percentile_is_the_share_of_pairs_that_are_no_more_alike():
    vectors = clustered(1_500, 32, seed=3)
    closeness = Closeness.of(vectors)
    pairs = random_pairs(vectors)
    for cosine in np.linspace(-0.4, 0.99, 60):
        share = 100 * np.searchsorted(pairs, cosine, side="right") / len(pairs)
        assert closeness.percentile(cosine) == pytest.approx(share, abs=0.5)
        if share > 99:
            assert closeness.percentile(cosine) == pytest.approx(share, abs=0.05)


def test_the_upper_tail_is_told_apart():
    vectors = unit(np.random.default_rng(0).standard_normal((2_000, 64)))
    closeness = Closeness.of(vectors)
    pairs = random_pairs(vectors)
    for share in (0.999, 0.9999, 0.99999):
        cosine = np.quantile(pairs, share)
        assert closeness.percentile(cosine) == pytest.approx(100 * share, abs=20 * (1 - share))


def test_a_sample_stands_for_a_large_library():
    vectors = clustered(8_000, 32, seed=5)
    closeness, whole = Closeness.of(vectors), random_pairs(vectors[::3])
    for cosine in (0.0, 0.3, 0.6):
        share = 100 * np.searchsorted(whole, cosine, side="right") / len(whole)
        assert closeness.percentile(cosine) == pytest.approx(share, abs=1)
    assert Closeness.of(vectors) == closeness
    assert Closeness.of(vectors, seed=1) != closeness


@pytest.mark.parametrize(
    "closeness",
    [
        Closeness.of(clustered(400, 16)),
        Closeness.of(clustered(12, 16)),
        Closeness.of(np.zeros((0, 16), dtype=np.float32)),
        Closeness.of(np.repeat(clustered(1, 16), 80, axis=0)),
        Closeness.of(np.concatenate([clustered(60, 16)] * 2)),
        Closeness.reference(None),
        Closeness.reference(np.array([0.2], dtype=np.float32)),
        Closeness.reference(np.sort(np.random.default_rng(0).normal(0.5, 0.1, 300)).astype(np.float32)),
    ],
)
def test_percentiles_rise_from_0_to_100_and_are_never_nan(closeness):
    values = [closeness.percentile(float(cosine)) for cosine in COSINES]
    assert values == sorted(values)
    assert all(0 <= value <= 100 for value in values)
    assert (values[0], values[-1]) == (0, 100)
    assert closeness.percentile(1.0) == 100
    assert closeness.percentile(math.nan) == 0
    assert closeness.percentile(-math.inf) == 0


def test_a_small_library_uses_the_models_reference():
    reference = np.linspace(0.4, 0.6, 101, dtype=np.float32)
    small = clustered(49, 16)
    assert Closeness.of(small, reference=reference) == Closeness.reference(reference)
    assert Closeness.of(small, reference=reference).percentile(0.5) == pytest.approx(50, abs=0.1)
    enough = clustered(50, 16)
    assert Closeness.of(enough, reference=reference) == Closeness.of(enough)


def test_without_a_reference_random_directions_are_assumed():
    closeness = Closeness.reference(None, dimension=100)
    assert closeness.percentile(0) == pytest.approx(50, abs=0.1)
    assert closeness.percentile(0.1) == pytest.approx(84.13, abs=0.1)  # one standard deviation, 1 / sqrt(100)
    assert closeness.percentile(0.31) == pytest.approx(99.9, abs=0.02)


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=50))
def test_any_reference_gives_a_rising_table(cosines):
    closeness = Closeness.reference(np.sort(np.array(cosines, dtype=np.float32)))
    assert all(a < b for a, b in zip(closeness.cosines, closeness.cosines[1:], strict=False))
    assert all(a <= b for a, b in zip(closeness.shares, closeness.shares[1:], strict=False))
    assert closeness.percentile(max(cosines)) == pytest.approx(100, abs=1e-3)
