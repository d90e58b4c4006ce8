"""Nearest neighbours behind one interface."""

from lookalike.neighbors.allowed import AllowedRows
from lookalike.neighbors.annoy import AnnoyBuild, AnnoySearch
from lookalike.neighbors.backends import BACKENDS, available, choose_backend
from lookalike.neighbors.exact import ExactIndex, nearest_to_many
from lookalike.neighbors.hnsw import HnswBuild, HnswSearch
from lookalike.neighbors.index import Backend, VectorIndex, keeps_vectors
from lookalike.neighbors.ivfpq import IvfPqBuild, IvfPqIndex, IvfPqSearch, build_parameters, search_parameters
from lookalike.neighbors.kd_tree import KdTreeBuild, KdTreeSearch
from lookalike.neighbors.lists.codes import CodesSearch
from lookalike.neighbors.lists.flat import IvfFlatBuild, IvfFlatSearch
from lookalike.neighbors.lists.pq import IvfPq8Build
from lookalike.neighbors.lists.rabitq import IvfRabitqBuild
from lookalike.neighbors.lsh import LshBuild, LshSearch
from lookalike.neighbors.r_tree import RTreeBuild, RTreeSearch
from lookalike.neighbors.scann import ScannBuild, ScannSearch

__all__ = [
    "BACKENDS",
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
    "IvfPqIndex",
    "IvfPqSearch",
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
    "keeps_vectors",
    "nearest_to_many",
    "search_parameters",
]
