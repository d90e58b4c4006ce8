"""Nearest neighbours behind one interface."""

from lookalike.neighbors.allowed import AllowedRows
from lookalike.neighbors.annoy import AnnoyBuild, AnnoySearch
from lookalike.neighbors.backends import BACKENDS, available, choose_backend
from lookalike.neighbors.cosines import COSINE_DECIMALS, nearest_first, unit_rows
from lookalike.neighbors.exact import ExactIndex, nearest_to_many
from lookalike.neighbors.hnsw import HnswBuild, HnswSearch
from lookalike.neighbors.index import Backend, VectorIndex
from lookalike.neighbors.lists.codes import CodesSearch
from lookalike.neighbors.lists.fastscan_parameters import IvfPqBuild, build_parameters, search_parameters
from lookalike.neighbors.lists.flat import IvfFlatBuild, IvfFlatSearch
from lookalike.neighbors.lists.pq import IvfPq8Build
from lookalike.neighbors.lists.rabitq import IvfRabitqBuild
from lookalike.neighbors.lsh import LshBuild, LshSearch
from lookalike.neighbors.scann import ScannBuild, ScannSearch
from lookalike.neighbors.trees import KdTreeBuild, KdTreeSearch, RTreeBuild, RTreeSearch

__all__ = [
    "BACKENDS",
    "COSINE_DECIMALS",
    "AllowedRows",
    "AnnoyBuild",
    "AnnoySearch",
    "Backend",
    "CodesSearch",
    "ExactIndex",
    "HnswBuild",
    "HnswSearch",
    "IvfFlatBuild",
    "IvfFlatSearch",
    "IvfPq8Build",
    "IvfPqBuild",
    "IvfRabitqBuild",
    "KdTreeBuild",
    "KdTreeSearch",
    "LshBuild",
    "LshSearch",
    "RTreeBuild",
    "RTreeSearch",
    "ScannBuild",
    "ScannSearch",
    "VectorIndex",
    "available",
    "build_parameters",
    "choose_backend",
    "nearest_first",
    "nearest_to_many",
    "search_parameters",
    "unit_rows",
]
