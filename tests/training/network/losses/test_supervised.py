import numpy as np
import pytest
import torch
from pytorch_metric_learning import losses as pml

from lookalike.training.network.losses import (
    itself,
    same_group,
    supervised_contrastive,
)
from training.network.losses.slowly import CLOSE, near, slow_cross_entropy, vectors


def of_one_label(labels):
    """[n, n] bool: images of one label, but not the image itself."""
    return (labels[:, None] == labels) & ~itself(len(labels))


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_supervised_contrastive_is_as_pytorch_metric_learning_and_the_loop_say(temperature):
    rows, labels = vectors(9, 5), torch.tensor([0, 0, 0, 1, 1, 2, 3, 3, 0])  # label 2 has nobody
    loss = supervised_contrastive(
        rows, rows, of_one_label(labels), temperature=temperature, never_negative=itself(len(labels))
    )
    assert near(loss, pml.SupConLoss(temperature=temperature)(rows, labels), CLOSE)
    slow = []
    for row in range(9):
        positives = [other for other in range(9) if other != row and labels[other] == labels[row]]
        if positives:
            wanted = dict.fromkeys(positives, 1 / len(positives))
            slow.append(slow_cross_entropy(rows[row], rows, wanted, temperature=temperature, left_out={row}))
    assert near(loss, np.mean(slow))


def test_supervised_contrastive_leaves_out_false_negatives_but_no_positives():
    rows, labels = vectors(5, 4), torch.tensor([0, 0, 1, 1, 2])
    groups = torch.tensor([9, 9, 9, -1, -1])
    left_out = itself(5) | same_group(groups, groups)
    loss = supervised_contrastive(rows, rows, of_one_label(labels), never_negative=left_out)
    out = {0: {0, 2}, 1: {1, 2}, 2: {2, 0, 1}, 3: {3}}
    partner = {0: 1, 1: 0, 2: 3, 3: 2}
    slow = [slow_cross_entropy(rows[row], rows, {partner[row]: 1.0}, left_out=out[row]) for row in range(4)]
    assert near(loss, np.mean(slow))


def test_candidates_may_be_others_than_the_queries():
    queries, candidates = vectors(3, 4), vectors(6, 4, seed=1)
    positives = torch.tensor([[1, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]], dtype=torch.bool)
    slow = [
        slow_cross_entropy(queries[0], candidates, {0: 0.5, 1: 0.5}),
        slow_cross_entropy(queries[1], candidates, {2: 1.0}),
    ]
    assert near(supervised_contrastive(queries, candidates, positives), np.mean(slow))
