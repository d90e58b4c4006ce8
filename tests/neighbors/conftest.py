from collections.abc import Mapping

import pytest

from lookalike.neighbors import (
    BACKENDS,
    AnnoyBuild,
    AnnoySearch,
    CodesSearch,
    IvfPq8Build,
    RTreeSearch,
    available,
)
from unit_vectors import clustered

QUICK = {  # (building, searching) where the defaults, meant for libraries twenty times as large, would take minutes
    "annoy": (AnnoyBuild(trees=10), AnnoySearch(nodes=2_000, nodes_per_neighbor=50)),
    "ivf-pq": (IvfPq8Build(lists=32, subquantizers=4), CodesSearch(probes=16, candidates=200)),
    "r-tree": (None, RTreeSearch(candidates=100, candidates_per_neighbor=4)),
}


def _build_quickly(backend, vectors, *, threads=None):
    building, searching = QUICK.get(backend.name, (None, None))
    index = backend.build(vectors, parameters=building, threads=threads)
    return index.searching_with(searching) if searching else index


class BuiltOnce(Mapping):
    """An index of every backend, built when it is first asked for."""

    def __init__(self, vectors):
        self._vectors = vectors
        self._built = {}

    def __getitem__(self, name):
        if name not in self._built:
            self._built[name] = _build_quickly(BACKENDS[name], self._vectors)
        return self._built[name]

    def __iter__(self):
        return iter(BACKENDS)

    def __len__(self):
        return len(BACKENDS)


@pytest.fixture
def build_quickly():
    return _build_quickly


@pytest.fixture(params=sorted(BACKENDS))
def backend(request):
    backend = BACKENDS[request.param]
    if not available(backend.name):
        pytest.skip(f"{backend.package} is not installed: pip install 'lookalike[{backend.extra}]'")
    return backend


@pytest.fixture(scope="session")
def library():
    """12,000 vectors of 32 dimensions, and 60 queries from the same clusters."""
    vectors = clustered(12_060)
    return vectors[:12_000], vectors[12_000:]


@pytest.fixture(scope="session")
def indexes(library):
    return BuiltOnce(library[0])


@pytest.fixture
def index(indexes, backend):
    return indexes[backend.name]


@pytest.fixture(scope="session")
def oracle(indexes):
    return indexes["exact"]
