import pytest

from lookalike.neighbors import BACKENDS
from unit_vectors import clustered


@pytest.fixture(params=sorted(BACKENDS))
def backend(request):
    return BACKENDS[request.param]


@pytest.fixture(scope="module")
def library():
    """12,000 vectors of 32 dimensions, and 60 queries from the same clusters."""
    vectors = clustered(12_060)
    return vectors[:12_000], vectors[12_000:]


@pytest.fixture(scope="module")
def indexes(library):
    return {name: backend.build(library[0]) for name, backend in BACKENDS.items()}


@pytest.fixture
def index(indexes, backend):
    return indexes[backend.name]


@pytest.fixture(scope="module")
def oracle(indexes):
    return indexes["exact"]
