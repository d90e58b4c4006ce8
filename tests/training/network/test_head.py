"""A head learns from grades and pairs, and what it becomes serves without torch."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lookalike.embedding.projection import Projection, fit_projection, to_vectors
from lookalike.training.examples import (
    Ingredient,
    Mixture,
    NegativeSampler,
    Pair,
    PairSource,
)
from lookalike.training.network.batches import GradedBatches, InBatchPairs, PairBatches
from lookalike.training.network.head import LinearHead, as_projection
from lookalike.training.network.loop import LoopSettings, Training
from lookalike.training.network.objectives import GradedLoss, PairLoss
from lookalike.training.run import RunFolder
from training.kinds import WIDTH, data, descriptors, graded, ids, share_right, unit

SETTINGS = LoopSettings(steps=60, learning_rate=0.02, warm_up=5, checkpoint_minutes=60, log_every=50)


@pytest.fixture(scope="module")
def base():
    rows, _ = descriptors()
    return fit_projection(rows, dimension=WIDTH, shrinkage=1.0)


def trained(folder, batches, loss, start, **options):
    settings = replace(SETTINGS, **options)
    head = LinearHead(start)
    Training(model=head, batch_at=batches.batch_at, loss_of=loss, settings=settings, folder=RunFolder(folder)).run()
    return head


@pytest.mark.parametrize("of", ["descriptors", "vectors"])
def test_grades_teach_what_counts_and_the_projection_serves_it_to_new_images(base, tmp_path, of):
    rows, kinds = descriptors()
    vectors = to_vectors(rows, base)
    features = rows - base.mean if of == "descriptors" else vectors
    start = base.matrix if of == "descriptors" else np.eye(WIDTH, dtype=np.float32)
    batches = GradedBatches(data(features), graded(kinds, ids()), batch=24, others=48)
    head = trained(tmp_path, batches, GradedLoss(), start)
    learnt = as_projection(head, features=features, base=base, of=of)
    learnt.save(tmp_path / "head.npz")
    unseen, their_kinds = descriptors(seed=1)
    before = share_right(to_vectors(unseen, base), their_kinds)
    after = share_right(to_vectors(unseen, Projection.load(tmp_path / "head.npz")), their_kinds)
    assert before < 0.5
    assert after > before + 0.25


@pytest.mark.parametrize("of", ["descriptors", "vectors"])
def test_what_serves_is_what_was_trained(base, tmp_path, of):
    rows, _ = descriptors()
    features = rows - base.mean if of == "descriptors" else to_vectors(rows, base)
    head = LinearHead(np.random.default_rng(0).normal(size=(WIDTH, 6)).astype(np.float32))
    learnt = as_projection(head, features=features, base=base, of=of)
    with torch.no_grad():
        theirs = unit(head(torch.from_numpy(features)).numpy())
    assert np.abs(to_vectors(rows, learnt) - theirs).max() < 5e-3  # the matrix is kept as float16
    assert learnt.dimension == 6
    cosines = np.sort((theirs @ theirs.T)[~np.eye(len(rows), dtype=bool)])
    assert learnt.reference_cosines[2_500] == pytest.approx(np.median(cosines), abs=0.02)


def test_a_head_that_has_learnt_nothing_ranks_as_its_start(base):
    rows, _ = descriptors()
    untouched = as_projection(LinearHead(base.matrix), features=rows - base.mean, base=base, of="descriptors")
    cosines = np.sum(to_vectors(rows, untouched) * to_vectors(rows, base), axis=1)
    assert cosines.min() > 0.9999


def pairs_of(kinds, names):
    first = {int(kind): names[row] for row, kind in reversed(list(enumerate(kinds)))}
    return [
        Pair(query=first[int(kind)], positive=names[row], source=PairSource.CLICKS)
        for row, kind in enumerate(kinds)
        if names[row] != first[int(kind)]
    ]


@pytest.mark.parametrize("negatives", ["own", "in-batch"])
def test_pairs_teach_what_counts(base, tmp_path, negatives):
    rows, kinds = descriptors()
    features = rows - base.mean
    pairs = pairs_of(kinds, ids())
    mixture = Mixture({"clicks": Ingredient(pairs=pairs)})
    sampler = NegativeSampler(ids(), pairs, {})
    batches = {
        "own": PairBatches(data(features), mixture, sampler, batch=32, candidates=12),
        "in-batch": InBatchPairs(data(features), mixture, answers=pairs, batch=48),
    }[negatives]
    head = trained(tmp_path, batches, PairLoss(), base.matrix)
    unseen, their_kinds = descriptors(seed=1)
    learnt = as_projection(head, features=features, base=base, of="descriptors")
    before = share_right(to_vectors(unseen, base), their_kinds)
    assert share_right(to_vectors(unseen, learnt), their_kinds) > before + 0.15


def test_being_pulled_back_keeps_a_head_near_its_start(base, tmp_path):
    rows, kinds = descriptors()
    batches = GradedBatches(data(rows - base.mean), graded(kinds, ids()), batch=16, others=32)
    moved = []
    for number, pull in enumerate((0.0, 100.0)):
        head = LinearHead(base.matrix, pull=pull)
        Training(
            model=head,
            batch_at=batches.batch_at,
            loss_of=lambda model, batch: GradedLoss()(model, batch) + model.drift(),  # type: ignore[operator]
            settings=replace(SETTINGS, steps=60),
            folder=RunFolder(tmp_path / str(number)),
        ).run()
        moved.append(float((head.weight - head.start).detach().norm()))
    assert moved[1] < 0.5 * moved[0]
