"""Inverted file with product quantisation and refinement, by Faiss."""

from lookalike.neighbors.ivfpq.index import NAME, IvfPqIndex, build, open_saved
from lookalike.neighbors.ivfpq.parameters import IvfPqBuild, IvfPqSearch, build_parameters, search_parameters

__all__ = [
    "NAME",
    "IvfPqBuild",
    "IvfPqIndex",
    "IvfPqSearch",
    "build",
    "build_parameters",
    "open_saved",
    "search_parameters",
]
