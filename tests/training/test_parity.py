import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.embedding.projection import to_vectors
from lookalike.training.network.exporting import (
    compare,
)


@given(seed=st.integers(0, 100), count=st.integers(2, 30))
def test_parity_of_the_same_is_perfect_and_ranking_falls_with_noise(seed, count):
    chance = np.random.default_rng(seed)
    vectors = to_vectors(chance.normal(size=(count, 6)).astype(np.float32), None)
    same = compare(vectors, vectors)
    assert (same.most_error, same.recall) == (0, 1)
    assert same.least_cosine == pytest.approx(1, abs=1e-5)
    other = compare(vectors, vectors[::-1].copy())
    assert 0 <= other.recall <= 1
    assert other.least_cosine <= same.least_cosine


def test_ranking_agreement_is_the_share_of_neighbours_that_are_kept():
    chance = np.random.default_rng(0)
    trained, served = (to_vectors(chance.normal(size=(40, 4)).astype(np.float32), None) for _ in range(2))
    kept = []
    for row in range(40):
        near = [
            {n for n in np.argsort(-(vectors @ vectors[row])).tolist() if n != row and True}
            for vectors in (trained, served)
        ]
        assert near[0] == near[1]
        tops = [
            [n for n in np.argsort(-(vectors @ vectors[row])).tolist() if n != row][:10]
            for vectors in (trained, served)
        ]
        kept.append(len(set(tops[0]) & set(tops[1])) / 10)
    assert compare(trained, served).recall == pytest.approx(np.mean(kept), abs=0.01)
