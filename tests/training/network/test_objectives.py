"""What losses make of a batch, by name; each teaches a head what counts."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lookalike.training.examples import Ingredient, Mixture, Pair, PairSource
from lookalike.training.network.batches import GradedBatches, HeadBatch, InBatchPairs
from lookalike.training.network.head import LinearHead
from lookalike.training.network.loop import LoopSettings, Training
from lookalike.training.network.objectives import answers, objective
from lookalike.training.recipes import LOSSES
from lookalike.training.run import RunFolder
from training.kinds import EACH, KINDS, WIDTH, data, descriptors, graded, ids, share_right, unit


def batch(targets, never_negative):
    return HeadBatch(
        queries=torch.eye(2), candidates=torch.eye(4, 2), targets=targets, never_negative=torch.tensor(never_negative)
    )


def test_grades_say_who_answers_who_does_not_and_who_is_left_out():
    grades = torch.tensor([[5, 3, 2, -1], [0, 2, 1, -1]])
    barred = [[False] * 4, [False, False, False, True]]
    positives, left_out = answers(batch(grades, barred))
    assert positives.tolist() == [[True, True, False, False], [False, True, False, False]]
    assert left_out.tolist() == [[False, False, True, False], [False, False, True, True]]


def test_a_query_that_nothing_answers_has_no_positive():
    positives, left_out = answers(batch(torch.tensor([[0, -1, 0, 0], [-1] * 4]), [[False] * 4] * 2))
    assert not positives.any()
    assert not left_out.any()


def test_a_label_is_the_only_positive():
    positives, left_out = answers(batch(torch.tensor([3, 1]), [[False] * 4, [True, False, False, False]]))
    assert positives.tolist() == [[False, False, False, True], [False, True, False, False]]
    assert left_out.tolist() == [[False] * 4, [True, False, False, False]]


def learnt(folder, batch_at, loss):
    head = LinearHead(np.eye(WIDTH, dtype=np.float32))
    settings = LoopSettings(steps=80, learning_rate=0.02, warm_up=5, checkpoint_minutes=60, log_every=50)
    Training(
        model=head,
        batch_at=batch_at,
        loss_of=objective(loss, temperature=0.1),
        settings=settings,
        folder=RunFolder(folder),
    ).run()
    unseen, their_kinds = descriptors(seed=1)
    return share_right(unit(unseen), their_kinds), share_right(unit(unseen @ head.weight.detach().numpy()), their_kinds)


@pytest.mark.parametrize(
    "loss", [name for name, sources in LOSSES.items() if "grades" in sources and name != "softmax"]
)
def test_each_loss_of_grades_teaches_what_counts(tmp_path, loss):
    rows, kinds = descriptors()
    batches = GradedBatches(data(rows), graded(kinds, ids()), batch=24, others=48)
    before, after = learnt(tmp_path, batches.batch_at, loss)
    assert after > before + 0.2


@pytest.mark.parametrize("loss", [name for name, sources in LOSSES.items() if "views" in sources])
def test_each_loss_of_pairs_teaches_what_counts(tmp_path, loss):
    rows, kinds = descriptors()
    names = ids()
    pairs = [
        Pair(query=names[row], positive=names[(row + KINDS) % (KINDS * EACH)], source=PairSource.SELF_SUPERVISION)
        for row in range(KINDS * EACH)
    ]
    groups = {name: f"kind {kind}" for name, kind in zip(names, kinds, strict=True)}
    images = replace(data(rows), groups=groups)
    batches = InBatchPairs(images, Mixture({"views": Ingredient(pairs=pairs)}), answers=pairs, batch=48)
    before, after = learnt(tmp_path, batches.batch_at, loss)
    assert after > before + 0.15
