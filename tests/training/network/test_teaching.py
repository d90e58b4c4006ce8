"""Learning from a larger model: what its nearest neighbours ask of a student, and which images a batch holds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.training.network.batches import HeadData
from lookalike.training.network.head import LinearHead
from lookalike.training.network.teaching import TaughtBatches, taught_held_out, taught_source


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def images():
    """60 images, two of each near-duplicate group, whose teacher sees a part of what their features hold."""
    chance = np.random.default_rng(0)
    names = [f"image {number}" for number in range(60)]
    features = chance.normal(size=(60, 12)).astype(np.float32)
    groups = {name: f"group {number // 2}" for number, name in enumerate(names)}
    return HeadData(image_ids=names, features=features, groups=groups), unit(features[:, :4])


@settings(deadline=None, max_examples=30)
@given(number=st.integers(0, 500), batch=st.integers(3, 80))
def test_near_duplicates_are_never_in_one_batch(number, batch):
    names = [f"image {place}" for place in range(40)]
    groups = {name: f"group {place // 3}" for place, name in enumerate(names)}
    features = np.arange(40, dtype=np.float32)[:, None]
    batches = TaughtBatches(
        HeadData(image_ids=names, features=features, groups=groups), unit(features + 1), batch=batch, seed=1
    )
    drawn = batches.batch_at(number).queries[:, 0].int().tolist()
    in_groups = [place // 3 for place in drawn]
    assert len(set(in_groups)) == len(in_groups) == min(batch, 14)
    assert drawn == batches.batch_at(number).queries[:, 0].int().tolist(), "a batch depends on its number alone"


def test_a_student_that_agrees_has_nothing_to_learn(images):
    pictures, vectors = images
    perfect = HeadData(image_ids=pictures.image_ids, features=vectors, groups=pictures.groups)
    source = taught_source(perfect, vectors, share=1, batch=20, seed=0)
    agreeing = LinearHead(np.eye(4, dtype=np.float32))
    other = LinearHead(np.diag([1, 0, 0, 0]).astype(np.float32))
    batch = source.batch_at(0)
    assert source.loss_of(agreeing, batch).item() == pytest.approx(0, abs=1e-5)
    assert source.loss_of(other, batch).item() > 0.1


def test_held_out_images_ask_for_their_nearest_by_the_teacher(images):
    pictures, vectors = images
    of = dict(zip(pictures.image_ids, vectors, strict=True))
    found = taught_held_out(["image 3", "image 9"], of)
    assert found is not None
    grades = found.judgements.grades["image 3"]
    cosines = vectors @ vectors[3]
    cosines[3] = -2
    nearest = [pictures.image_ids[row] for row in np.argsort(-cosines)[:10]]
    assert set(grades) == set(nearest)
    assert {one for one, grade in grades.items() if grade == 2} == set(nearest[:3])
    assert taught_held_out(["image 3"], dict(list(of.items())[:10])) is None, "too few to have ten neighbours"
