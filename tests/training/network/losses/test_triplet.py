import math

import pytest
import torch
from pytorch_metric_learning import distances as pml_distances
from pytorch_metric_learning import losses as pml
from pytorch_metric_learning import miners, reducers
from torch.nn import functional

from lookalike.training.network.losses import (
    itself,
    same_group,
    triplet_margin,
)
from training.network.losses.slowly import CLOSE, near, vectors


def slow_triplets(rows, labels, margin, never_negative=None):
    units = functional.normalize(rows)
    count, losses = len(rows), []
    for anchor in range(count):
        positives = [o for o in range(count) if o != anchor and labels[o] == labels[anchor]]
        negatives = [o for o in range(count) if labels[o] != labels[anchor]]
        if never_negative is not None:
            negatives = [o for o in negatives if not never_negative[anchor][o]]
        far = [math.dist(units[anchor].tolist(), units[p].tolist()) for p in positives]
        close = [math.dist(units[anchor].tolist(), units[n].tolist()) for n in negatives]
        if far and close:
            losses.append(max(0.0, max(far) - min(close) + margin))
    return sum(losses) / max(len(losses), 1)


def by_label(rows, labels, *, never_negative=None, **options):
    own = itself(len(labels))
    positives = (labels[:, None] == labels) & ~own
    left_out = own if never_negative is None else own | never_negative
    return triplet_margin(rows, rows, positives, never_negative=left_out, **options)


LABELS = torch.tensor([0, 0, 0, 1, 1, 2, 3, 3, 1, 2])


@pytest.mark.parametrize("margin", [0.1, 0.5])
def test_the_hardest_triplets_are_as_the_loop_says(margin):
    rows = vectors(10, 3)
    never = same_group(torch.arange(10) // 3, torch.arange(10) // 3)
    expected = slow_triplets(rows, LABELS, margin)
    assert expected > 0
    assert near(by_label(rows, LABELS, margin=margin), expected)
    masked = by_label(rows, LABELS, margin=margin, never_negative=never)
    assert near(masked, slow_triplets(rows, LABELS, margin, never))


def test_the_hardest_triplets_are_as_pytorch_metric_learning_says():
    rows = vectors(10, 3)
    theirs = miners.BatchHardMiner(distance=pml_distances.LpDistance())(rows, LABELS)
    loss = pml.TripletMarginLoss(margin=0.4, reducer=reducers.MeanReducer())(rows, LABELS, theirs)
    assert near(by_label(rows, LABELS, margin=0.4), loss, CLOSE)


def test_one_positive_and_one_negative_of_its_own_are_as_torch_says():
    queries, positives, negatives = (functional.normalize(vectors(7, 4, seed=seed)) for seed in range(3))
    theirs = torch.nn.TripletMarginLoss(margin=0.3, eps=0)(queries, positives, negatives)
    candidates = torch.stack([positives, negatives], dim=1)
    first = torch.tensor([[True, False]] * 7)
    assert near(triplet_margin(3 * queries, candidates, first, margin=0.3), theirs)


def test_a_batch_without_triplets_costs_nothing():
    assert by_label(vectors(3, 4), torch.tensor([0, 1, 2])) == 0
    assert by_label(vectors(3, 4), torch.tensor([1, 1, 1])) == 0
