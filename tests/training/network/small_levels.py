"""A network of levels of a few weights, and pictures of three kinds."""

import torch

from lookalike.training.network.backbones import MultiLevel
from lookalike.training.network.backbones.efficientnet_lite import EfficientNetLite, Scale

SIZE, KINDS, EACH = 32, 4, 10


def small_levels(seed=0):
    torch.manual_seed(seed)
    network = MultiLevel(EfficientNetLite(Scale(width=0.25, depth=0.4, size=SIZE))).eval()
    network.centre_on(network.pooled(torch.randn(8, 3, SIZE, SIZE)).detach())
    return network
