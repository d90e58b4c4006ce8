"""Networks that turn pictures into features."""

from lookalike.training.network.backbones.blocks import Blocked
from lookalike.training.network.backbones.freezing import train_all, train_last_blocks
from lookalike.training.network.backbones.levels import MultiLevel
from lookalike.training.network.backbones.projection_head import Embedder, ProjectionHead
from lookalike.training.network.backbones.registry import BACKBONES, Backbone, build_backbone, fetch_weights
from lookalike.training.network.backbones.vision_transformer import VisionTransformer

__all__ = [
    "BACKBONES",
    "Backbone",
    "Blocked",
    "Embedder",
    "MultiLevel",
    "ProjectionHead",
    "VisionTransformer",
    "build_backbone",
    "fetch_weights",
    "train_all",
    "train_last_blocks",
]
