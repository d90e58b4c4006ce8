"""A network cut in two: the output of its frozen blocks is computed once, and the rest is trained on it."""

import math

import torch
from torch import Tensor, nn

from lookalike.training.network.backbones.levels import MultiLevel


class EarlyLevels(nn.Module):
    """The blocks before one of them: means of their levels, and behind these what that block takes, flat.

    Args:
        levels: whose network is cut.
        first: number of the block, 0 for the one after the stem.

    Attributes:
        shape: [channels, h, w] of what the block takes.
        means: how many numbers come before it.
        dimension: of a row.
    """

    def __init__(self, levels: MultiLevel, first: int, *, size: int) -> None:
        super().__init__()
        self.network, self.first = levels.network, first
        with torch.no_grad():
            found, taken = self.network.levels_before(torch.zeros(1, 3, size, size), first)
        self.shape = tuple(int(side) for side in taken.shape[1:])
        self.means = sum(int(level.shape[1]) for level in found)
        self.dimension = self.means + math.prod(self.shape)

    def forward(self, batch: Tensor) -> Tensor:
        """[b, 3, size, size] to [b, dimension]."""
        found, taken = self.network.levels_before(batch, self.first)
        means = [level.mean(dim=(2, 3)) for level in found]
        return torch.cat([*means, taken.flatten(1)], dim=1)


class LateLevels(nn.Module):
    """The rest: from rows of `EarlyLevels` to the descriptors that `MultiLevel` gives.

    Args:
        levels: whose network is cut.
        early: its other part.
    """

    def __init__(self, levels: MultiLevel, early: EarlyLevels) -> None:
        super().__init__()
        self.levels, self._first, self._shape, self._means = levels, early.first, early.shape, early.means

    def forward(self, rows: Tensor) -> Tensor:
        """[b, early dimension] to [b, dimension]."""
        taken = rows[:, self._means :].reshape(len(rows), *self._shape)
        later = [level.mean(dim=(2, 3)) for level in self.levels.network.levels_from(taken, self._first)]
        return self.levels.weighted(torch.cat([rows[:, : self._means], *later], dim=1))
