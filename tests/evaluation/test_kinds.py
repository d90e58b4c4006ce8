"""The folds of kinds that models are judged on, in benchmarks/kinds.py and kinds_compared.py."""

import importlib
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def module(monkeypatch):
    """A module of benchmarks/ by its name, with those beside it that it imports."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


def test_no_family_of_kinds_is_divided(module):
    kinds = module("kinds").kinds()
    folds = {kind.family: {other.fold for other in kinds if other.family == kind.family} for kind in kinds}
    assert all(len(one) == 1 for one in folds.values())
    assert len({kind.kind for kind in kinds}) == len(kinds)
    assert {kind.fold for kind in kinds} == {0, 1, 2, 3, 4}


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        ("objects", "train/n02102040/n02102040_649.JPEG", "n02102040"),
        ("things-64px", "tiny-imagenet-200/train/n03042490/images/n03042490_172.JPEG", "n03042490"),
        ("fruit-vegetables", "Vegetables/cauliflower_1.jpg", "cauliflower"),
        ("pets", "dataset/breed_dataset/cat_breeds/train/Cat112.jpg", "cat"),
        ("home-products", "images/room_scenes/1.jpg", ""),
        ("objects", "alone.jpg", ""),
    ],
)
def test_a_class_is_read_from_the_path_at_the_source(module, kind, path, expected):
    assert module("kinds").class_of(kind, path) == expected


def test_photos_of_a_class_are_relevant_to_each_other_and_not_to_themselves(module):
    labels = {"a": "cup", "b": "cup", "c": "pan", "d": "", "e": ""}
    judged = module("kinds").by_labels(list(labels), labels)
    assert judged.queries == ["a", "b"]
    np.testing.assert_array_equal(judged.grades, [[0, 1, 0, 0, 0], [1, 0, 0, 0, 0]])


def test_a_querys_own_photo_takes_no_rank(module):
    labels = {"a": "cup", "b": "cup", "c": "pan"}
    judged = module("kinds").by_labels(list(labels), labels)
    near, far = np.eye(2, dtype=np.float32)
    nearest_is_right = module("kinds").values_of(judged, {"a": near, "b": near, "c": far})
    nearest_is_wrong = module("kinds").values_of(judged, {"a": near, "b": far, "c": near})
    np.testing.assert_allclose(nearest_is_right, [1, 1])
    assert nearest_is_wrong[0] == 0.5


def test_neighbours_found_is_one_for_the_teacher_and_chance_for_noise(module):
    rng = np.random.default_rng(5)
    names = [str(number) for number in range(200)]

    def vectors():
        rows = rng.standard_normal((200, 16)).astype(np.float32)
        return dict(zip(names, rows / np.linalg.norm(rows, axis=1, keepdims=True), strict=True))

    teacher, noise = vectors(), vectors()
    found = module("kinds").neighbours_found
    np.testing.assert_array_equal(found(names, names, teacher, teacher), np.ones(200))
    assert found(names, names, noise, teacher).mean() < 0.1  # 10 of 199 by chance


def test_a_kind_counts_as_below_only_when_the_whole_interval_is(module):
    rng = np.random.default_rng(6)
    base = rng.random(300)
    compared = module("kinds_compared")
    of_model = {"base": base, "worse": base - 0.05, "noisy": base + rng.normal(-0.001, 0.5, 300)}
    found = {"some kind": compared.compared(of_model, "base")}
    assert compared.below(found, "worse") == ["some kind"]
    assert compared.below(found, "noisy") == []
    assert found["some kind"]["worse"]["difference"]["mean"] == pytest.approx(-0.05)


def test_the_share_of_the_distance_is_that_of_the_means_over_kinds(module):
    values = {
        "one": {"base": np.full(5, 0.2), "model": np.full(5, 0.5), "teacher": np.full(5, 0.6)},
        "other": {"base": np.full(9, 0.5), "model": np.full(9, 0.4), "teacher": np.full(9, 0.5)},
    }
    share = module("kinds_compared").closed(values, "base", "teacher", "model")
    assert share["mean"] == pytest.approx(0.5)
    assert share["low"] == pytest.approx(share["high"])


def test_fewer_photos_are_asked_only_what_can_be_answered_among_them(module):
    kinds = module("kinds")
    judged = kinds.by_labels(list("abcd"), {"a": "cup", "b": "cup", "c": "pan", "d": "pan"})
    fewer = kinds.among(judged, {"a", "b", "c"})
    assert fewer.queries == ["a", "b"]
    assert fewer.gallery == ["a", "b", "c"]
    np.testing.assert_array_equal(fewer.grades, [[0, 1, 0], [1, 0, 0]])
    assert not fewer.asks  # two queries say nothing
