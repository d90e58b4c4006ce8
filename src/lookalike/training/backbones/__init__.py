"""Networks that turn pictures into features."""

from lookalike.training.backbones.levels import MultiLevel
from lookalike.training.backbones.projection_head import Embedder, ProjectionHead
from lookalike.training.backbones.registry import BACKBONES, Backbone, build_backbone, fetch_weights

__all__ = ["BACKBONES", "Backbone", "Embedder", "MultiLevel", "ProjectionHead", "build_backbone", "fetch_weights"]
