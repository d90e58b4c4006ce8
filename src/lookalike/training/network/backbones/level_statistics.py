"""Descriptors for distillation: mean, deviation and position of a network's activations at several depths.

Means over a picture, as `MultiLevel` takes them, tell apart too little of what a larger model tells apart: how evenly a
texture is spread, and which half of the picture it is in.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.training.network.backbones.efficientnet_lite import EfficientNetLite

FINAL_WEIGHT = 1.0
EARLIER_WEIGHT = 0.5
_QUARTERED = 2
_SMALLEST = 1e-12


class LevelStatistics(nn.Module):
    """Means and standard deviations of all depths over a picture, and means of the last two over its quarters.

    Each part is centred by `centre_on` (before that on zero), scaled to unit length and weighted, and all are laid side
    by side. It is one module, so that it is exported as one graph.

    Args:
        network: whose weights are used, not copied.

    Attributes:
        network: the network.
        part_widths: values of each part.
        dimension: of the descriptors, the sum of those.
    """

    part_means: Tensor

    def __init__(self, network: EfficientNetLite) -> None:
        super().__init__()
        self.network = network
        widths = network.level_widths
        quarters = tuple(4 * width for width in widths[-_QUARTERED:])
        self.part_widths = (*widths, *widths, *quarters)
        self.dimension = sum(self.part_widths)
        of_levels = [*[EARLIER_WEIGHT] * (len(widths) - 1), FINAL_WEIGHT]
        self._weights = (*of_levels, *of_levels, *of_levels[-_QUARTERED:])
        self.register_buffer("part_means", torch.zeros(self.dimension))

    def pooled(self, batch: Tensor) -> Tensor:
        """Parts as they are, [b, 3, size, size] to [b, dimension]: what `centre_on` takes the mean of."""
        levels = self.network.levels(batch)
        means = [level.mean(dim=(2, 3)) for level in levels]
        centred = [level - mean[:, :, None, None] for level, mean in zip(levels, means, strict=True)]
        spreads = [(level.square().mean(dim=(2, 3)) + _SMALLEST).sqrt() for level in centred]
        return torch.cat([*means, *spreads, *map(_quarters, levels[-_QUARTERED:])], dim=1)

    def centre_on(self, pooled: Tensor) -> None:
        """Let the mean of these rows of `pooled`, [images, dimension], be each part's origin from now on."""
        self.part_means.copy_(pooled.mean(dim=0))

    def forward(self, batch: Tensor) -> Tensor:
        """[b, 3, size, size] to [b, dimension]."""
        return self.weighted(self.pooled(batch))

    def weighted(self, pooled: Tensor) -> Tensor:
        """Descriptors of cached rows of `pooled`, [b, dimension] to [b, dimension]."""
        parts = torch.split(pooled - self.part_means, list(self.part_widths), dim=1)
        scaled = [
            functional.normalize(part, dim=1, eps=_SMALLEST) * weight
            for part, weight in zip(parts, self._weights, strict=True)
        ]
        return torch.cat(scaled, dim=1)


def _quarters(level: Tensor) -> Tensor:
    """Means over the four quarters, which share the middle row and column of an odd side; [b, c, h, w] to [b, 4 c]."""
    high, wide = int(level.shape[2]), int(level.shape[3])
    tops = level[:, :, : (high + 1) // 2], level[:, :, high // 2 :]
    found = [half[..., : (wide + 1) // 2] for half in tops] + [half[..., wide // 2 :] for half in tops]
    return torch.cat([quarter.mean(dim=(2, 3)) for quarter in found], dim=1)
