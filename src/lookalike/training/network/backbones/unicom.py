"""UNICOM's image tower, from the files that its authors publish (`FP16-ViT-B-32.pt`, `FP16-ViT-B-16.pt`).

An et al. 2023, "Unicom: Universal and Compact Representation Learning for Image Retrieval". A vision transformer
without a class token: all of its patches, one after the other, pass two linear layers with batch normalisation. Such a
file holds weights alone; the shape is told from theirs. Names of weights are those of the published files.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.errors import TrainingRefused
from lookalike.training.network.backbones.blocks import Blocked
from lookalike.training.network.backbones.transformer_blocks import Block, PatchEmbedding
from lookalike.training.repositories import CONFIG_FILE

_HEAD = 64  # values of a head, in every published size
_EPSILON = 2e-5  # of batch normalisation


@dataclass(frozen=True, slots=True, kw_only=True)
class UnicomShape:
    """Shape of a UNICOM.

    Attributes:
        width: of a token.
        layers: blocks.
        heads: of attention in each.
        patch: side of a patch, pixels.
        size: side of the pictures, pixels.
        embedding: dimension of the features.
    """

    width: int
    layers: int
    heads: int
    patch: int
    size: int
    embedding: int


class Unicom(Blocked):
    """UNICOM's image tower.

    Attributes:
        dimension: of the features.
        size: side of the pictures, pixels.
    """

    def __init__(self, shape: UnicomShape) -> None:
        super().__init__()
        width, patches = shape.width, (shape.size // shape.patch) ** 2
        self.dimension, self.size = shape.embedding, shape.size
        self.patch_embed = PatchEmbedding(width, shape.patch, bias=True)
        self.pos_embed = nn.Parameter(torch.randn(1, patches, width) * width**-0.5)
        layers = (Block(width, shape.heads, activation=functional.relu6, bias=False) for _ in range(shape.layers))
        self.blocks_ = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(width)
        self.feature = nn.Sequential(
            nn.Linear(width * patches, width, bias=False),
            nn.BatchNorm1d(width, eps=_EPSILON),
            nn.Linear(width, shape.embedding, bias=False),
            nn.BatchNorm1d(shape.embedding, eps=_EPSILON),
        )

    def forward(self, batch: Tensor) -> Tensor:
        """[b, 3, size, size] to [b, dimension]."""
        tokens = self.patch_embed(batch) + self.pos_embed
        for block in self.blocks_:
            tokens = block(tokens)
        features: Tensor = self.feature(self.norm(tokens).flatten(1))
        return features

    def blocks(self) -> Sequence[nn.Module]:
        """The layers."""
        return list(self.blocks_)

    def after_blocks(self) -> Sequence[nn.Module]:
        """The last normalisation and the two linear layers."""
        return [self.norm, self.feature]


def is_unicom(folder: Path) -> bool:
    """Whether a folder holds one file of weights `*.pt`, and no configuration."""
    return not (folder / CONFIG_FILE).is_file() and len(list(folder.glob("*.pt"))) == 1


def load_unicom(folder: Path) -> Unicom:
    """One with the weights of the only file `*.pt` in a folder; nothing in the file is executed.

    Raises:
        TrainingRefused: the file is not readable, or holds other weights; the message names it.
    """
    (file,) = folder.glob("*.pt")
    try:
        state = _state_of(file)
        network = Unicom(_shape_of(state))
        network.load_state_dict(state)
    except (KeyError, ValueError, RuntimeError, AttributeError) as fault:
        problem = (str(fault) or type(fault).__name__).splitlines()
        raise TrainingRefused(
            f"{file}: not the weights of a UNICOM, whose names and shapes are those of FP16-ViT-B-32.pt: {problem[-1]}"
        ) from None
    return network.train()


def _shape_of(state: dict[str, Any]) -> UnicomShape:
    _, patches, width = state["pos_embed"].shape
    patch = state["patch_embed.proj.weight"].shape[-1]
    return UnicomShape(
        width=width,
        layers=1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks_.")),
        heads=max(width // _HEAD, 1),
        patch=patch,
        size=patch * math.isqrt(patches),
        embedding=state["feature.2.weight"].shape[0],
    )


def _state_of(file: Path) -> dict[str, Any]:
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as fault:  # noqa: BLE001 - torch raises many kinds of a damaged file
        raise TrainingRefused(f"{file}: not readable: {str(fault).splitlines()[0]}") from None
    names = {name: re.sub(r"^blocks\.", "blocks_.", name.removeprefix("module.")) for name in state}
    return {
        new: state[name] if state[name].dtype == torch.int64 else state[name].float() for name, new in names.items()
    }
