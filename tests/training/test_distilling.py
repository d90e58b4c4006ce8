"""A small model's features learn a large model's vectors in closed form."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.embedding.projection import Projection, to_vectors
from lookalike.errors import TrainingRefused
from lookalike.training.distilling import RIDGES, choose_ridge, fit_beside, fit_distilled, parts_of


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def taught(images=200, width=24, teacher=6, noise=0.0, seed=0):
    """Features, and a teacher's vectors that are a linear function of them, and noise."""
    chance = np.random.default_rng(seed)
    features = chance.normal(size=(images, width)).astype(np.float32) + 3
    vectors = (features - 3) @ chance.normal(size=(width, teacher)) + noise * chance.normal(size=(images, teacher))
    return features, vectors.astype(np.float32)


def by_hand(features, vectors, ridge):
    """What ridge regression is, as textbooks write it."""
    rows, targets = (each.astype(np.float64) - each.mean(axis=0, dtype=np.float64) for each in (features, vectors))
    penalty = ridge * np.square(rows).sum() / len(rows)
    return rows @ np.linalg.solve(rows.T @ rows + penalty * np.eye(rows.shape[1]), rows.T @ targets)


def test_a_teacher_that_is_linear_in_the_features_is_learnt_for_images_that_were_not_seen():
    features, vectors = taught(images=300)
    projection = fit_distilled(features[:200], vectors[:200], ridge=1e-4)
    cosines = np.einsum("nd,nd->n", to_vectors(features[200:], projection), unit(vectors[200:]))
    assert projection.dimension == 6
    # what is left is the training images' mean, which the projection takes away and the teacher did not
    assert np.median(cosines) > 0.97


@pytest.mark.parametrize(("images", "width"), [(60, 12), (20, 50)])
@pytest.mark.parametrize("ridge", [0.01, 1.0])
def test_it_is_ridge_regression_with_more_images_than_features_or_fewer(images, width, ridge):
    features, vectors = taught(images=images, width=width, noise=0.5)
    made = to_vectors(features, fit_distilled(features, vectors, ridge=ridge))
    np.testing.assert_allclose(made, unit(by_hand(features, vectors, ridge)), atol=5e-3)  # stored as float16


def test_fewer_dimensions_keep_most_of_the_similarities():
    features, vectors = taught(images=300, width=30, teacher=12)
    vectors[:, 3:] *= 0.05
    full = to_vectors(features, fit_distilled(features, vectors, ridge=0.01))
    projection = fit_distilled(features, vectors, ridge=0.01, dimension=3)
    small = to_vectors(features, projection)
    assert projection.dimension == 3
    assert np.abs(small @ small.T - full @ full.T).mean() < 0.02


def test_the_ridge_is_small_where_the_teacher_can_be_followed_and_large_where_it_is_noise():
    clear = choose_ridge(*taught(images=120, width=80))
    noisy = choose_ridge(*taught(images=120, width=80, noise=15.0))
    assert clear.ridge < noisy.ridge
    assert set(clear.agreement) == set(RIDGES)
    assert clear.agreement[clear.ridge] == max(clear.agreement.values())
    assert clear.agreement[clear.ridge] > 0.8 > noisy.agreement[noisy.ridge]


def test_copies_do_not_make_a_ridge_look_better_than_it_is_when_they_are_named_as_a_group():
    features, vectors = taught(images=60, width=200, noise=5.0)
    twice, taught_twice = np.repeat(features, 3, axis=0), np.repeat(vectors, 3, axis=0)
    names = [str(number // 3) for number in range(180)]
    honest = choose_ridge(twice, taught_twice, groups=names)
    fooled = choose_ridge(twice, taught_twice)
    assert max(honest.agreement.values()) < max(fooled.agreement.values()) - 0.1


def test_without_a_ridge_the_chosen_one_is_used():
    features, vectors = taught(images=80, width=40, noise=2.0)
    ridge = choose_ridge(features, vectors).ridge
    assert fit_distilled(features, vectors).digest() == fit_distilled(features, vectors, ridge=ridge).digest()


def own_of(features, columns):
    """A projection of a student that sees only these of its features."""
    mean = features.mean(axis=0)
    matrix = np.eye(features.shape[1], dtype=np.float32)[:, columns]
    return Projection(mean=mean, matrix=matrix, reference_cosines=np.empty(0, np.float32))


def test_beside_the_teacher_the_student_keeps_what_it_told_apart():
    features, vectors = taught(images=300)
    blind = vectors - vectors.mean(axis=0)
    features[:, 0] = np.sign(features[:, 0] - 3) * 5 + 3  # the teacher does not see these two groups
    own = own_of(features, [0, 1])
    beside = to_vectors(features, fit_beside(features, blind, own, dimension=8))
    alone = to_vectors(features, fit_distilled(features, blind))

    def share_of_own_group(rows):
        cosines = rows @ rows.T
        np.fill_diagonal(cosines, -2)
        group = features[:, 0] > 3
        return np.mean(group[np.argsort(-cosines, axis=1)[:, :5]] == group[:, None])

    assert share_of_own_group(beside) > share_of_own_group(alone) + 0.1
    assert share_of_own_group(beside) > 0.9


@pytest.mark.parametrize("dimension", [0, 9])
def test_more_dimensions_than_both_have_are_refused(dimension):
    features, vectors = taught()
    with pytest.raises(TrainingRefused, match="from 1 to 8"):
        fit_beside(features, vectors, own_of(features, [0, 1]), dimension=dimension)


def test_it_is_saved_and_read_as_any_projection(tmp_path):
    features, vectors = taught()
    projection = fit_distilled(features, vectors, ridge=0.1)
    projection.save(tmp_path / "student.npz")
    again = type(projection).load(tmp_path / "student.npz")
    assert again.digest() == projection.digest()
    assert np.all(np.diff(again.reference_cosines) >= 0)
    assert -1.001 < again.reference_cosines[0] < again.reference_cosines[-1] < 1.001


@settings(deadline=None, max_examples=50)
@given(groups=st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=60), parts=st.integers(1, 6))
def test_a_group_is_in_one_part_and_parts_are_alike_in_size(groups, parts):
    found = parts_of(groups, parts)
    assert len(found) == len(groups)
    assert all(
        len({int(part) for part, group in zip(found, groups, strict=True) if group == one}) == 1 for one in groups
    )
    sizes = np.bincount(found, minlength=parts)
    assert sizes.max() - sizes.min() <= max(map(groups.count, groups))
    np.testing.assert_array_equal(found, parts_of(groups, parts))


def broken(**changes):
    features, vectors = taught(images=40)
    given = {"features": features, "teacher_vectors": vectors, "ridge": 0.1}
    return given | {name: value(given) if callable(value) else value for name, value in changes.items()}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"features": lambda given: given["features"][:-1]}, "same images"),
        ({"features": lambda given: given["features"] * np.float32(np.nan)}, "not finite"),
        ({"features": np.ones((40, 5), np.float32)}, "nothing to learn"),
        ({"teacher_vectors": np.ones((40, 5), np.float32)}, "nothing to learn"),
        ({"dimension": 0}, "from 1 to the 6"),
        ({"dimension": 7}, "from 1 to the 6"),
        ({"ridge": 0.0}, "above 0"),
        ({"ridge": float("nan")}, "above 0"),
        ({"ridge": None, "groups": ["one"] * 40}, "too similar"),
        ({"ridge": None, "groups": ["one"]}, "1 group names for 40"),
        ({"features": np.ones((7, 5), np.float32), "teacher_vectors": np.ones((7, 5), np.float32)}, "at least 8"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(changes, says):
    with pytest.raises(TrainingRefused, match=says):
        fit_distilled(**broken(**changes))


def test_it_needs_no_torch():
    code = (
        "import sys; sys.modules['torch'] = None; import lookalike.training.distilling as made; print(made.RIDGES[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0.01"
