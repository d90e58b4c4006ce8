"""Every backend by name, and which one suits a library."""

from lookalike.neighbors import annoy, exact, hnsw, lsh, scann, trees
from lookalike.neighbors.index import Backend
from lookalike.neighbors.lists import fastscan, flat, pq, rabitq

BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        exact.BACKEND,
        trees.KD_TREE,
        trees.R_TREE,
        annoy.BACKEND,
        lsh.BACKEND,
        flat.BACKEND,
        pq.BACKEND,
        fastscan.BACKEND,
        rabitq.BACKEND,
        hnsw.BACKEND,
        scann.BACKEND,
    )
}

_EXACT_NUMBERS = 2_000_000


def available(name: str) -> bool:
    """Whether what a backend needs is installed; false for an unknown name."""
    return name in BACKENDS and BACKENDS[name].available


def choose_backend(size: int, dimension: int) -> str:
    """The backend that answers fastest at recall@10 of 0.95 or more.

    Exact search reads every number of every vector, so its time grows with size x dimension; docs/indexes.md has the
    sizes measured.

    Args:
        size: vectors.
        dimension: of each.
    """
    return exact.NAME if size * dimension <= _EXACT_NUMBERS else fastscan.NAME
