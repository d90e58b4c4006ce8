"""Descriptors from several depths of a network, which describe content as well as colours and textures.

The last features of a network trained to name things say little about colour, which earlier ones still hold.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.errors import TrainingRefused
from lookalike.training.network.backbones.efficientnet_lite import EfficientNetLite

FINAL_WEIGHT = 1.0
EARLIER_WEIGHT = 0.5
_SMALLEST_LENGTH = 1e-12


class MultiLevel(nn.Module):
    """Means over a picture of several depths' outputs, each centred, scaled to unit length and weighted, side by side.

    It is one module, so that it is exported as one graph, and costs the network and a few sums. Its parts are centred
    by `centre_on`; before that their means are zero.

    Args:
        network: whose weights are used, not copied.
        weights: of the parts, in the order of `part_widths`; None for `EARLIER_WEIGHT` for all but the last, which has
            `FINAL_WEIGHT`. A part of weight 0 stays in the descriptor, as zeros.

    Attributes:
        network: the network.
        part_widths: values of each part: the first convolution's, each stage's and the final features'.
        dimension: of the descriptors, the sum of those.

    Raises:
        TrainingRefused: not one weight a part, a negative one, or all zero.
    """

    part_means: Tensor
    part_weights: Tensor

    def __init__(self, network: EfficientNetLite, *, weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.network = network
        self.part_widths = network.level_widths
        self.dimension = sum(self.part_widths)
        given = (*[EARLIER_WEIGHT] * (len(self.part_widths) - 1), FINAL_WEIGHT) if weights is None else tuple(weights)
        if len(given) != len(self.part_widths) or min(given) < 0 or not any(given):
            raise TrainingRefused(
                f"weights {given}: there must be one for each of the {len(self.part_widths)} parts, none below 0 and"
                " not all 0"
            )
        self.register_buffer("part_means", torch.zeros(self.dimension))
        self.register_buffer("part_weights", torch.tensor(given, dtype=torch.float32))

    def pooled(self, batch: Tensor) -> Tensor:
        """Parts as they are, [b, 3, size, size] to [b, dimension]: what `centre_on` takes the mean of."""
        return torch.cat([level.mean(dim=(2, 3)) for level in self.network.levels(batch)], dim=1)

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
            functional.normalize(part, dim=1, eps=_SMALLEST_LENGTH) * weight
            for part, weight in zip(parts, self.part_weights, strict=True)
        ]
        return torch.cat(scaled, dim=1)
