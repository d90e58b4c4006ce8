"""Vision transformers of a few thousand weights, one of each family."""

import numpy as np
import pytest
import torch

from lookalike.training.network.backbones.families import CLIP, DINO_V2, PLAIN
from lookalike.training.network.backbones.vision_transformer import Shape, random_transformer
from lookalike.training.network.exporting import descriptors_of

transformers = pytest.importorskip("transformers")


TINY = Shape(width=32, layers=2, heads=2, patch=8, size=32)


TINY_CLIP = Shape(width=32, layers=2, heads=2, patch=8, size=32, embedding=16)


FAMILIES = {"vit": (PLAIN, TINY), "clip-vit": (CLIP, TINY_CLIP), "dinov2": (DINO_V2, TINY)}


def pictures(count=6, size=32, seed=0):
    chance = np.random.default_rng(seed)
    coarse = chance.normal(size=(count, 3, size // 8, size // 8))
    return np.kron(coarse, np.ones((1, 1, 8, 8))).astype(np.float32)


def tiny(name, seed=0):
    """Its weights are larger than a random start's, so that pictures differ."""
    family, shape = FAMILIES[name]
    torch.manual_seed(seed)
    network = random_transformer(family, shape)
    with torch.no_grad():
        for weight in network.parameters():
            if weight.dim() > 1:
                weight.mul_(5)
    return network


def saved(network, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transformers.utils.logging, "_tqdm_active", False)
        network.network.save_pretrained(folder)
    return folder


def features(network, shown=None):
    return descriptors_of(network.eval(), pictures() if shown is None else shown)
