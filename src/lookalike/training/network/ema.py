"""An average of the weights over the latest steps, which often ranks better than the weights themselves."""

import copy

import torch
from torch import nn


class AveragedModel:
    """Exponential moving average of a model: Polyak and Juditsky 1992, with the decay rising from the first steps.

    Attributes:
        model: the averaged copy, in evaluation mode.
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        """A copy that follows `model`; after t updates the decay is min(decay, (1 + t) / (10 + t))."""
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self._decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move towards the model's weights; buffers are taken over."""
        keep = min(self._decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        for average, weight in zip(self.model.parameters(), model.parameters(), strict=True):
            average.lerp_(weight, 1 - keep)
        for ours, theirs in zip(self.model.buffers(), model.buffers(), strict=True):
            ours.copy_(theirs)
