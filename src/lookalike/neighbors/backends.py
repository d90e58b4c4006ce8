"""Every backend by name, and which one suits a library."""

from lookalike.neighbors import exact, ivfpq
from lookalike.neighbors.index import Backend

BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        Backend(name=exact.NAME, build=exact.build, open=exact.open_saved),
        Backend(name=ivfpq.NAME, build=ivfpq.build, open=ivfpq.open_saved),
    )
}

_EXACT_NUMBERS = 2_000_000


def choose_backend(size: int, dimension: int) -> str:
    """The backend that answers fastest at recall@10 of 0.95 or more.

    Exact search reads every number of every vector, so its time grows with size x dimension; docs/indexes.md has the
    sizes measured.

    Args:
        size: vectors.
        dimension: of each.
    """
    return exact.NAME if size * dimension <= _EXACT_NUMBERS else ivfpq.NAME
