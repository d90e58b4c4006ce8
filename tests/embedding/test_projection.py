"""Whitening: by its formula, unit rows, each row on its own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.embedding import Projection, fit_projection
from lookalike.embedding.projection import to_vectors
from lookalike.errors import InternalFault, ModelRefused


@pytest.fixture(scope="module")
def descriptors():
    chance = np.random.default_rng(3)
    return (chance.normal(size=(400, 40)) @ chance.normal(size=(40, 40)) + 2).astype(np.float32)


@pytest.fixture(scope="module")
def projection(descriptors):
    return fit_projection(descriptors, dimension=12, shrinkage=0.3)


def test_vectors_are_those_of_the_published_formula(descriptors, projection):
    mean = descriptors.mean(0, dtype=np.float64)
    values, axes = np.linalg.eigh(np.cov(descriptors.T.astype(np.float64), bias=True))
    values, axes = values[::-1][:12], axes[:, ::-1][:, :12]
    expected = (descriptors - mean) @ axes / np.sqrt(values + 0.3 * values.mean())
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = to_vectors(descriptors, projection)
    # the sign of an axis is free, cosines are not; the matrix is rounded to float16
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=5e-3)


def test_whitening_makes_directions_equal_when_nothing_is_shrunk(descriptors):
    projection = fit_projection(descriptors, dimension=12, shrinkage=0.0)
    projected = (descriptors - projection.mean) @ projection.matrix
    covariance = np.cov(projected.T)
    np.testing.assert_allclose(covariance / covariance[0, 0], np.eye(12), atol=2e-2)


def test_a_weight_counts_like_so_many_copies(descriptors):
    few = descriptors[:100]
    weighted = fit_projection(few, dimension=8, weights=np.where(np.arange(100) < 50, 3.0, 1.0))
    copied = fit_projection(np.concatenate([few, few[:50], few[:50]]), dimension=8)
    np.testing.assert_allclose(weighted.mean, copied.mean, atol=1e-4)
    found, expected = to_vectors(few, weighted), to_vectors(few, copied)
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=5e-3)


@settings(deadline=None)
@given(st.lists(st.integers(0, 399), min_size=1, max_size=9))
def test_a_row_does_not_depend_on_the_other_rows(descriptors, projection, chosen):
    alone = np.concatenate([to_vectors(descriptors[number : number + 1], projection) for number in chosen])
    np.testing.assert_array_equal(to_vectors(descriptors[chosen], projection), alone)


def test_vectors_are_unit_rows_with_and_without_a_projection(descriptors, projection):
    for used in (projection, None):
        vectors = to_vectors(descriptors, used)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_a_descriptor_without_length_still_becomes_a_unit_vector():
    np.testing.assert_allclose(to_vectors(np.zeros((1, 4), np.float32), None), [[0.5, 0.5, 0.5, 0.5]])


def test_a_descriptor_that_is_not_finite_is_our_fault(projection):
    with pytest.raises(InternalFault):
        to_vectors(np.full((1, 40), np.nan, np.float32), projection)


def test_reference_cosines_are_the_quantiles_of_random_pairs(descriptors, projection):
    table = projection.reference_cosines
    assert np.all(np.diff(table) >= 0)
    vectors = to_vectors(descriptors, projection)
    cosines = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    np.testing.assert_allclose(
        np.quantile(table, [0.05, 0.5, 0.95]), np.quantile(cosines, [0.05, 0.5, 0.95]), atol=0.02
    )


def test_a_saved_projection_comes_back_with_the_same_vectors_and_digest(tmp_path, descriptors, projection):
    projection.save(tmp_path / "p.npz")
    loaded = Projection.load(tmp_path / "p.npz")
    assert loaded.digest() == projection.digest()
    np.testing.assert_array_equal(to_vectors(descriptors, loaded), to_vectors(descriptors, projection))


def test_the_digest_follows_what_changes_vectors_and_nothing_else(projection):
    other_table = Projection(mean=projection.mean, matrix=projection.matrix, reference_cosines=np.zeros(3, np.float32))
    assert other_table.digest() == projection.digest()
    moved = Projection(mean=projection.mean + 1, matrix=projection.matrix, reference_cosines=np.zeros(3, np.float32))
    assert moved.digest() != projection.digest()


def test_a_damaged_projection_is_refused_with_its_name(tmp_path, projection):
    file = tmp_path / "p.npz"
    projection.save(file)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(ModelRefused, match=r"p\.npz"):
        Projection.load(file)


def test_a_projection_whose_parts_do_not_fit_is_refused(tmp_path):
    file = tmp_path / "p.npz"
    np.savez(file, mean=np.zeros(3), matrix=np.zeros((4, 2)), reference_cosines=np.zeros(2))
    with pytest.raises(ModelRefused, match="do not make a projection"):
        Projection.load(file)
