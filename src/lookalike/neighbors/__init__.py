"""Nearest neighbours behind one interface."""

from lookalike.neighbors.allowed import AllowedRows
from lookalike.neighbors.backends import BACKENDS, available, choose_backend
from lookalike.neighbors.exact import ExactIndex, nearest_to_many
from lookalike.neighbors.index import Backend, VectorIndex
from lookalike.neighbors.ivfpq import IvfPqBuild, IvfPqIndex, IvfPqSearch, build_parameters, search_parameters

__all__ = [
    "BACKENDS",
    "AllowedRows",
    "Backend",
    "ExactIndex",
    "IvfPqBuild",
    "IvfPqIndex",
    "IvfPqSearch",
    "VectorIndex",
    "available",
    "build_parameters",
    "choose_backend",
    "nearest_to_many",
    "search_parameters",
]
