"""Losses. Each takes vectors and returns a scalar that can be differentiated."""

from lookalike.training.network.losses.cross_entropy import Similarity, contrastive_cross_entropy, similarities
from lookalike.training.network.losses.distillation import similarity_distillation
from lookalike.training.network.losses.graded import Gain, graded_listwise
from lookalike.training.network.losses.masks import itself, same_group
from lookalike.training.network.losses.moco import KeyQueue, follow, moco
from lookalike.training.network.losses.nt_xent import nt_xent
from lookalike.training.network.losses.supervised import supervised_contrastive
from lookalike.training.network.losses.triplet import triplet_margin

__all__ = [
    "Gain",
    "KeyQueue",
    "Similarity",
    "contrastive_cross_entropy",
    "follow",
    "graded_listwise",
    "itself",
    "moco",
    "nt_xent",
    "same_group",
    "similarities",
    "similarity_distillation",
    "supervised_contrastive",
    "triplet_margin",
]
