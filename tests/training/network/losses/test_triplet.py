import math

import pytest
import torch
from pytorch_metric_learning import distances as pml_distances
from pytorch_metric_learning import losses as pml
from pytorch_metric_learning import miners, reducers
from torch.nn import functional

from lookalike.training.network.losses import (
    mined_triplet_margin,
    same_group,
    triplet_margin,
)
from training.network.losses.slowly import CLOSE, near, vectors


def slow_triplets(rows, labels, margin, mining, never_negative=None):
    units = functional.normalize(rows)
    count, losses = len(rows), []
    for anchor in range(count):
        positives = [o for o in range(count) if o != anchor and labels[o] == labels[anchor]]
        negatives = [o for o in range(count) if labels[o] != labels[anchor]]
        if never_negative is not None:
            negatives = [o for o in negatives if not never_negative[anchor][o]]
        far = [math.dist(units[anchor].tolist(), units[p].tolist()) for p in positives]
        close = [math.dist(units[anchor].tolist(), units[n].tolist()) for n in negatives]
        if mining == "batch-hard" and far and close:
            losses.append(max(0.0, max(far) - min(close) + margin))
        if mining == "all":
            losses += [max(0.0, p - n + margin) for p in far for n in close]
        if mining == "semi-hard":
            losses += [p - n + margin for p in far for n in close if p < n < p + margin]
    return sum(losses) / max(len(losses), 1)


LABELS = torch.tensor([0, 0, 0, 1, 1, 2, 3, 3, 1, 2])


@pytest.mark.parametrize("mining", ["batch-hard", "semi-hard", "all"])
@pytest.mark.parametrize("margin", [0.1, 0.5])
def test_mined_triplets_are_as_the_loop_says(mining, margin):
    rows = vectors(10, 3)
    never = same_group(torch.arange(10) // 3, torch.arange(10) // 3)
    expected = slow_triplets(rows, LABELS, margin, mining)
    assert expected > 0
    assert near(mined_triplet_margin(rows, LABELS, margin=margin, mining=mining), expected)
    masked = mined_triplet_margin(rows, LABELS, margin=margin, mining=mining, never_negative=never)
    assert near(masked, slow_triplets(rows, LABELS, margin, mining, never))


@pytest.mark.parametrize("mining", ["batch-hard", "semi-hard", "all"])
def test_mined_triplets_are_as_pytorch_metric_learning_says(mining):
    rows = vectors(10, 3)
    theirs = {
        "batch-hard": miners.BatchHardMiner(distance=pml_distances.LpDistance()),
        "semi-hard": miners.TripletMarginMiner(margin=0.4, type_of_triplets="semihard"),
        "all": miners.TripletMarginMiner(margin=100.0, type_of_triplets="all"),
    }[mining](rows, LABELS)
    loss = pml.TripletMarginLoss(margin=0.4, reducer=reducers.MeanReducer())(rows, LABELS, theirs)
    assert near(mined_triplet_margin(rows, LABELS, margin=0.4, mining=mining), loss, CLOSE)


def test_given_triplets_are_as_torch_says():
    anchors, positives, negatives = (functional.normalize(vectors(7, 4, seed=seed)) for seed in range(3))
    theirs = torch.nn.TripletMarginLoss(margin=0.3, eps=0)(anchors, positives, negatives)
    assert near(triplet_margin(3 * anchors, positives, negatives, margin=0.3), theirs)


def test_a_batch_without_triplets_costs_nothing():
    assert mined_triplet_margin(vectors(3, 4), torch.tensor([0, 1, 2])) == 0
    assert mined_triplet_margin(vectors(3, 4), torch.tensor([1, 1, 1]), mining="semi-hard") == 0
