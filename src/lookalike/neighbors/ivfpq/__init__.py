"""Inverted file with product quantisation and refinement, by Faiss."""

from lookalike.neighbors.ivfpq.backend import BACKEND
from lookalike.neighbors.ivfpq.blocks import Blocks, build_from_blocks
from lookalike.neighbors.ivfpq.index import NAME, IvfPqIndex, build, open_saved
from lookalike.neighbors.ivfpq.parameters import (
    IvfPqBuild,
    IvfPqSearch,
    Memory,
    build_parameters,
    search_parameters,
)

__all__ = [
    "BACKEND",
    "NAME",
    "Blocks",
    "IvfPqBuild",
    "IvfPqIndex",
    "IvfPqSearch",
    "Memory",
    "build",
    "build_from_blocks",
    "build_parameters",
    "open_saved",
    "search_parameters",
]
