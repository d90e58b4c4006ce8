"""PE-Core's image tower, as a backbone that takes the weights of `timm/vit_pe_core_*`.

Bolya et al. 2025, "Perception Encoder: The best visual embeddings are not at the output of the network". A vision
transformer whose queries and keys are turned by the place of their patch (rotary positions in two dimensions) and whose
tokens are pooled by attention with one learnt query; a linear layer brings the result into the space that pictures
share with texts. Names of weights are those of the published files.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.errors import TrainingRefused
from lookalike.on_demand import load
from lookalike.training.network.backbones.blocks import Blocked
from lookalike.training.network.backbones.families import read_config
from lookalike.training.network.backbones.transformer_blocks import Block, Feedforward, PatchEmbedding
from lookalike.training.repositories import CONFIG_FILE

_WEIGHTS_FILE = "model.safetensors"
_POOLING_HEADS = 8
_BASE = 10_000.0  # of the frequencies of rotary positions
_NAME = re.compile(r"vit_pe_core_(tiny|small|base|large)_patch(\d+)_(\d+)")
_HEADS = {"tiny": 3, "small": 6, "base": 12, "large": 16}


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderShape:
    """Shape of a PE-Core.

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
    embedding: int = 1_024


class _AttentionPooling(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.latent = nn.Parameter(torch.randn(1, 1, width) * width**-0.5)
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.mlp = Feedforward(width, functional.gelu)

    def forward(self, tokens: Tensor) -> Tensor:
        """[images, tokens, width] to [images, width]."""
        images, count, width = tokens.shape
        query = self.q(self.latent.expand(images, -1, -1)).reshape(images, 1, _POOLING_HEADS, -1).transpose(1, 2)
        keys, values = self.kv(tokens).reshape(images, count, 2, _POOLING_HEADS, -1).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, keys, values)
        pooled = self.proj(seen.transpose(1, 2).reshape(images, width))
        described: Tensor = pooled + self.mlp(self.norm(pooled))
        return described


class PerceptionEncoder(Blocked):
    """PE-Core's image tower.

    Attributes:
        dimension: of the features.
        size: side of the pictures, pixels.
    """

    cosines: Tensor
    sines: Tensor

    def __init__(self, shape: EncoderShape) -> None:
        super().__init__()
        width, grid = shape.width, shape.size // shape.patch
        self.dimension, self.size = shape.embedding, shape.size
        self.patch_embed = PatchEmbedding(width, shape.patch, bias=False)
        self.cls_token = nn.Parameter(torch.randn(1, 1, width) * width**-0.5)
        self.pos_embed = nn.Parameter(torch.randn(1, 1 + grid**2, width) * width**-0.5)
        self.norm_pre = nn.LayerNorm(width)
        layers = (Block(width, shape.heads, activation=functional.gelu, bias=True) for _ in range(shape.layers))
        self.blocks_ = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(width)
        self.attn_pool = _AttentionPooling(width)
        self.head = nn.Linear(width, shape.embedding)
        cosines, sines = _rotations(grid, width // shape.heads)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)

    def forward(self, batch: Tensor) -> Tensor:
        """[b, 3, size, size] to [b, dimension]."""
        patches = self.patch_embed(batch)
        tokens = torch.cat([self.cls_token.expand(batch.shape[0], -1, -1), patches], dim=1) + self.pos_embed
        tokens = self.norm_pre(tokens)
        for block in self.blocks_:
            tokens = block(tokens, self._placed)
        features: Tensor = self.head(self.attn_pool(self.norm(tokens)))
        return features

    def _placed(self, parts: Tensor) -> Tensor:
        """Queries or keys, turned by their places; the class token comes first and is not turned."""
        return torch.cat([parts[:, :, :1], _turned(parts[:, :, 1:], self.cosines, self.sines)], dim=2)

    def blocks(self) -> Sequence[nn.Module]:
        """The layers."""
        return list(self.blocks_)

    def after_blocks(self) -> Sequence[nn.Module]:
        """The last normalisation, the attention pooling and the projection."""
        return [self.norm, self.attn_pool, self.head]


def _rotations(grid: int, head: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines by which each patch's values are turned, [grid * grid, head] each.

    The first half of a head's values turns with the column, the second with the row, both counted from 1; values turn
    in neighbouring pairs.
    """
    pairs = head // 4
    frequencies = _BASE ** -(torch.arange(pairs, dtype=torch.float32) / pairs)
    place = torch.arange(1, grid + 1, dtype=torch.float32)
    rows, columns = torch.meshgrid(place, place, indexing="ij")
    angles = torch.cat([columns.reshape(-1, 1) * frequencies, rows.reshape(-1, 1) * frequencies], dim=1)
    doubled = angles.repeat_interleave(2, dim=1)
    return doubled.cos(), doubled.sin()


def _turned(values: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """[..., patches, head] with each pair of neighbouring values turned by its angle."""
    even, odd = values[..., ::2], values[..., 1::2]
    across = torch.stack([-odd, even], dim=-1).flatten(-2)
    return values * cosines + across * sines


def is_perception_encoder(folder: Path) -> bool:
    """Whether a folder's `config.json` says that it holds a PE-Core in timm's form.

    Raises:
        TrainingRefused: the file is not readable.
    """
    return str(read_config(folder).get("architecture", "")).startswith("vit_pe_core_")


def load_perception_encoder(folder: Path) -> PerceptionEncoder:
    """One with the weights of a folder as the hub's `timm/vit_pe_core_*` has it: `config.json`, `model.safetensors`.

    Raises:
        DependencyMissing: `safetensors` is not installed.
        TrainingRefused: an architecture that is not known, or weights that are not of it; the message names the file.
    """
    config = read_config(folder)
    architecture = str(config.get("architecture", ""))
    known = _NAME.fullmatch(architecture)
    if not known:
        raise TrainingRefused(
            f"{folder / CONFIG_FILE}: architecture is {architecture!r}; of PE-Core in timm's form the sizes tiny,"
            " small, base and large are known, such as vit_pe_core_base_patch16_224"
        )
    state = _state_of(folder / _WEIGHTS_FILE)
    try:
        shape = EncoderShape(
            width=state["cls_token"].shape[-1],
            layers=1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks_.")),
            heads=int(config.get("model_args", {}).get("num_heads", _HEADS[known[1]])),
            patch=int(known[2]),
            size=int(known[3]),
            embedding=state["head.weight"].shape[0],
        )
        network = PerceptionEncoder(shape)
        network.load_state_dict(state)
    except (KeyError, ValueError, RuntimeError, AttributeError) as fault:
        problem = (str(fault) or type(fault).__name__).splitlines()
        raise TrainingRefused(f"{folder / _WEIGHTS_FILE}: not the weights of {architecture}: {problem[-1]}") from None
    return network.train()


def _state_of(file: Path) -> dict[str, Any]:
    reader = load("safetensors.torch", otherwise="weights in this form need `pip install 'lookalike[export]'`")
    try:
        state = reader.load_file(file)
    except Exception as fault:  # noqa: BLE001 - its errors are classes of a compiled module
        raise TrainingRefused(f"{file}: not readable: {fault}") from None
    return {re.sub(r"^blocks\.", "blocks_.", name): weight.float() for name, weight in state.items()}
