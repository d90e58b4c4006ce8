import numpy as np
import pytest
import torch
from pytorch_metric_learning import losses as pml

from lookalike.training.network.losses import (
    nt_xent,
    same_group,
)
from training.network.losses.slowly import CLOSE, near, slow_cross_entropy, vectors


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_nt_xent_is_as_pytorch_metric_learning_and_the_loop_say(temperature):
    first, second = vectors(6, 5), vectors(6, 5, seed=1)
    loss = nt_xent(first, second, temperature=temperature)
    labels = torch.arange(6).repeat(2)
    assert near(loss, pml.NTXentLoss(temperature=temperature)(torch.cat([first, second]), labels), CLOSE)
    views = torch.cat([first, second])
    slow = [
        slow_cross_entropy(views[row], views, {(row + 6) % 12: 1.0}, temperature=temperature, left_out={row})
        for row in range(12)
    ]
    assert near(loss, np.mean(slow))


def test_nt_xent_keeps_images_of_one_group_from_pushing_each_other():
    first, second = vectors(4, 5), vectors(4, 5, seed=1)
    groups = torch.tensor([7, 7, -1, -1])
    loss = nt_xent(first, second, never_negative=same_group(groups, groups))
    views = torch.cat([first, second])
    grouped = {0: {1, 5}, 1: {0, 4}, 4: {1, 5}, 5: {0, 4}}
    slow = [
        slow_cross_entropy(views[row], views, {(row + 4) % 8: 1.0}, left_out={row, *grouped.get(row, ())})
        for row in range(8)
    ]
    assert near(loss, np.mean(slow))
