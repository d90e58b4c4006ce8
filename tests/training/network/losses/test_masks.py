import torch

from lookalike.training.network.losses import (
    itself,
    same_group,
)


def test_groups_mean_what_they_say():
    groups = torch.tensor([0, 0, -1, -1])
    expected = [[True, True, False, False], [True, True, False, False], [False] * 4, [False] * 4]
    assert same_group(groups, groups).tolist() == expected
    assert same_group(groups[:1], torch.tensor([[0, 1, -1]])).tolist() == [[True, False, False]]
    assert itself(2).tolist() == [[True, False], [False, True]]
