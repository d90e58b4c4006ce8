"""Two projections of the same features as one: both count the same, and neither hides what the other tells apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.embedding.projection import Projection, to_vectors
from lookalike.training.side_by_side import side_by_side


def features(seed=0, images=200, width=12):
    return (np.random.default_rng(seed).normal(size=(images, width)) + 2).astype(np.float32)


def seeing(rows, columns, scale=1.0):
    """A projection that sees only these of the features."""
    matrix = scale * np.eye(rows.shape[1], dtype=np.float32)[:, columns]
    return Projection(mean=rows.mean(axis=0), matrix=matrix, reference_cosines=np.empty(0, np.float32))


@settings(deadline=None, max_examples=20)
@given(scale=st.floats(0.01, 100), seed=st.integers(0, 100))
def test_the_cosine_is_the_mean_of_both_whatever_their_scales(scale, seed):
    rows = features(seed)
    first, second = seeing(rows, list(range(6))), seeing(rows, list(range(6, 12)), scale)
    both = to_vectors(rows, side_by_side(rows, (first, second), dimension=12))
    expected = sum(vectors @ vectors.T for vectors in (to_vectors(rows, first), to_vectors(rows, second))) / 2
    assert np.corrcoef((both @ both.T).ravel(), expected.ravel())[0, 1] > 0.9


def test_what_only_one_of_them_tells_apart_stays_apart():
    rows = features()
    rows[:, 0] = np.sign(rows[:, 0] - 2) * 4  # two groups, which only the first sees
    first, second = seeing(rows, [0, 1]), seeing(rows, [2, 3])
    both = to_vectors(rows, side_by_side(rows, (first, second), dimension=4))
    cosines = both @ both.T
    np.fill_diagonal(cosines, -2)
    group = rows[:, 0] > 0
    assert np.mean(group[np.argsort(-cosines, axis=1)[:, :5]] == group[:, None]) > 0.95


@pytest.mark.parametrize("dimension", [2, 4])
def test_it_has_the_dimension_asked_for_and_the_mean_of_the_library(dimension):
    rows = features()
    made = side_by_side(rows, (seeing(rows, [0, 1]), seeing(rows, [2, 3])), dimension=dimension)
    assert made.dimension == dimension
    np.testing.assert_allclose(made.mean, rows.mean(axis=0), rtol=1e-5)
    assert np.array_equal(made.matrix, made.matrix.astype(np.float16)), "as it is stored"
    assert len(made.reference_cosines) > 0
