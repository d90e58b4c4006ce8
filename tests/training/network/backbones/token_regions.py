"""Descriptors from a CLIP's tokens: class token, mean of the central patches, mean of all patches."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.errors import TrainingRefused
from lookalike.training.network.backbones.vision_transformer import VisionTransformer

_CENTRE = 4 / 7  # of a side: 8 of 14 patches
_SMALLEST_LENGTH = 1e-12


class TokenRegions(nn.Module):
    """What the packaged `clip-vit-b16` serves before its projection; see `embedding.Regions`.

    The class token, the mean of the central patches and the mean of all patches each pass the network's own last
    layer normalisation and are scaled to unit length, weighted and put side by side. Its projection of `image_embeds`
    takes no part.

    Args:
        network: a CLIP's image tower, whose weights are used, not copied.
        weights: of the three parts.

    Attributes:
        network: the network.
        dimension: three times the width of a token.

    Raises:
        TrainingRefused: the network is no CLIP.
    """

    def __init__(self, network: VisionTransformer, *, weights: tuple[float, float, float] = (1.0, 1.0, 0.5)) -> None:
        super().__init__()
        if not hasattr(network.network, "vision_model"):
            raise TrainingRefused("regions are described by a CLIP's tokens; take this network's features as they are")
        self.network = network
        self.weights = weights
        self.grid = network.size // int(network.network.config.patch_size)
        self.centre = max(1, round(_CENTRE * self.grid))
        self.dimension = 3 * int(network.network.config.hidden_size)

    def forward(self, batch: Tensor) -> Tensor:
        """[b, 3, size, size] to [b, dimension]."""
        tower = self.network.network.vision_model
        tokens = tower(pixel_values=batch).last_hidden_state
        patches = tokens[:, 1:]
        width = patches.shape[-1]
        square = patches.reshape(-1, self.grid, self.grid, width)
        first = (self.grid - self.centre) // 2
        middle = square[:, first : first + self.centre, first : first + self.centre].mean(dim=(1, 2))
        parts = (tokens[:, 0], middle, patches.mean(dim=1))
        scaled = [
            functional.normalize(tower.post_layernorm(part), dim=1, eps=_SMALLEST_LENGTH) * weight
            for part, weight in zip(parts, self.weights, strict=True)
        ]
        return torch.cat(scaled, dim=1)
