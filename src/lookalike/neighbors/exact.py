"""Every row is compared: the truth the other backends are measured against, and the fastest for small libraries."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import SnapshotDamaged, StorageFailed
from lookalike.neighbors.allowed import AllowedRows, allowed_rows
from lookalike.neighbors.answers import nothing
from lookalike.neighbors.checking import checked, checked_k, checked_rows
from lookalike.neighbors.index import Backend
from lookalike.types import Mask, Neighbors, Rows, Vectors

NAME = "exact"
_FILE = "vectors.npy"
_QUERY_BLOCK = 64
_ROW_BLOCK = 16_384  # with 64 queries: 4 MB of scores, which stay in the cache
_PAIR_BLOCK = 65_536
_SPARSE = 0.5  # below this share of allowed rows, gathering them is cheaper than scoring all


class ExactIndex:
    """All vectors in memory as float32 (rounded to float16, as on disk), compared by BLAS.

    Single queries take one thread, batches all. Every cosine that leaves here is one dot product of two rows, so it
    does not depend on how a matrix product was cut into blocks.

    Args:
        vectors: [size, dimension] float32, already rounded to float16.
    """

    backend = NAME
    building = None
    searching = None
    keeps_vectors = True
    bytes_mapped = 0

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self.size, self.dimension = vectors.shape

    @property
    def bytes_in_memory(self) -> int:
        """What searching needs in memory."""
        return self._vectors.nbytes

    def searching_with(self, searching: None) -> "ExactIndex":
        """Itself: there is nothing to choose."""
        if searching is not None:
            raise ValueError("the exact backend has no parameters")
        return self

    def search(self, queries: Vectors, k: int, *, allowed: Mask | AllowedRows | None = None) -> Neighbors:
        """The k rows nearest to each query; see `VectorIndex.search`."""
        queries = checked(queries, dimension=self.dimension)
        prepared = allowed_rows(allowed, self.size)
        found = nothing(len(queries), checked_k(k))
        kept = min(k, prepared.count if prepared else self.size)
        if kept == 0:
            return found
        vectors, rows, mask = self._reachable(prepared)
        if len(queries) == 1:
            places, cosines = _nearest_to_one(vectors, queries[0], kept, mask)
        else:
            places, cosines = nearest_to_many(vectors, queries, kept, mask)
        found.rows[:, :kept] = places if rows is None else rows[places]
        found.cosines[:, :kept] = cosines
        return found

    def _reachable(self, allowed: AllowedRows | None) -> tuple[Vectors, Rows | None, Mask | None]:
        """The vectors to score; the rows they are, if not all; and which of them to leave out."""
        if allowed is None:
            return self._vectors, None, None
        if allowed.count < _SPARSE * self.size:
            return self._vectors[allowed.rows], allowed.rows, None
        return self._vectors, None, allowed.mask

    def vectors(self, rows: Rows) -> Vectors:
        """The stored vectors, [n, dimension] float32."""
        return self._vectors[checked_rows(rows, self.size)]

    def save(self, directory: Path) -> None:
        """Write the vectors as float16.

        Raises:
            StorageFailed: the disk is full or failing.
        """
        try:
            np.save(directory / _FILE, self._vectors.astype("<f2"))
        except OSError as failure:
            raise StorageFailed(f"{directory / _FILE} could not be written: {failure}") from failure


def build(vectors: Vectors, *, parameters: Any = None, threads: int | None = None) -> ExactIndex:
    """Keep the vectors. There is nothing to choose and nothing that takes time."""
    del threads
    if parameters is not None:
        raise ValueError("the exact backend has no parameters")
    return ExactIndex(rounded(checked(vectors)))


def open_saved(directory: Path) -> ExactIndex:
    """Read what `ExactIndex.save` wrote.

    Raises:
        SnapshotDamaged: the file is missing or is not that.
    """
    path = directory / _FILE
    try:
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as problem:
        raise SnapshotDamaged(f"{path}: {problem}") from problem
    if stored.ndim != 2 or stored.dtype != np.dtype("<f2"):  # noqa: PLR2004 - rows and columns
        raise SnapshotDamaged(f"{path}: {stored.dtype} of shape {stored.shape}, expected rows of float16")
    return ExactIndex(stored.astype(np.float32))


BACKEND = Backend(
    name=NAME,
    idea="Compares the query with every vector.",
    build=build,
    open=open_saved,
)


def rounded(vectors: Vectors) -> Vectors:
    """The nearest float16 values, as float32."""
    return vectors.astype(np.float16).astype(np.float32)


def nearest_to_many(
    vectors: Vectors, queries: Vectors, k: int, mask: Mask | None = None
) -> tuple[Rows, NDArray[np.float32]]:
    """The k best rows for each query, by blocked matrix products.

    A matrix product proposes every row that could be among the k best within the rounding error of float32 sums;
    each proposal is then one dot product, so the answer is that of a plain loop.

    Args:
        vectors: [n, dimension] float32 unit rows.
        queries: [queries, dimension] float32 unit rows.
        k: at most the number of rows left by the mask.
        mask: [n] bool, the rows that count; None for all.

    Returns:
        Rows and cosines, [queries, k], best first, ties by row ascending.
    """
    rows = np.empty((len(queries), k), dtype=np.int64)
    cosines = np.empty((len(queries), k), dtype=np.float32)
    for start in range(0, len(queries), _QUERY_BLOCK):
        block = slice(start, start + _QUERY_BLOCK)
        asking, proposed = _proposals(vectors, queries[block], k, mask)
        rows[block], cosines[block] = _best_of(vectors, queries[block], asking, proposed, k)
    return rows, cosines


def _nearest_to_one(
    vectors: Vectors, query: NDArray[np.float32], k: int, mask: Mask | None
) -> tuple[Rows, NDArray[np.float32]]:
    cosines = np.vecdot(vectors, query)
    np.clip(cosines, -1, 1, out=cosines)
    if mask is not None:
        cosines[~mask] = -np.inf
    if k < len(cosines):
        worst = np.partition(cosines, len(cosines) - k)[len(cosines) - k]
        places = np.flatnonzero(cosines >= worst)
    else:
        places = np.arange(len(cosines))
    order = places[np.argsort(-cosines[places], kind="stable")[:k]]
    return order, cosines[order]


def _proposals(vectors: Vectors, queries: Vectors, k: int, mask: Mask | None) -> tuple[Rows, Rows]:
    """Pairs (query, row) that hold every query's k best rows, and few others."""
    margin = np.float32(vectors.shape[1] * 2.0**-22)  # twice what two float32 sums in different orders can differ by
    worst = np.full(len(queries), -np.inf, dtype=np.float32)
    asking, rows = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    scored = np.empty(0, dtype=np.float32)
    for start in range(0, len(vectors), _ROW_BLOCK):
        scores = queries @ vectors[start : start + _ROW_BLOCK].T
        np.minimum(scores, 1, out=scores)
        if mask is not None:
            scores[:, ~mask[start : start + _ROW_BLOCK]] = -np.inf
        if start == 0 and scores.shape[1] > k:
            worst = np.partition(scores, -k, axis=1)[:, -k]
        asked, places = np.nonzero((scores >= worst[:, None] - margin) & (scores > -np.inf))
        asking, rows = np.concatenate([asking, asked]), np.concatenate([rows, places + start])
        scored = np.concatenate([scored, scores[asked, places]])
        worst = _worst_of_best(asking, scored, len(queries), k)
        kept = scored >= worst[asking] - margin
        asking, rows, scored = asking[kept], rows[kept], scored[kept]
    return asking, rows


def _worst_of_best(asking: Rows, scored: NDArray[np.float32], queries: int, k: int) -> NDArray[np.float32]:
    """[queries] float32, each query's k-th best score so far; -inf where there are fewer."""
    order = np.lexsort((-scored, asking))
    ends = np.searchsorted(asking[order], np.arange(1, queries + 1))
    places = np.concatenate([[0], ends[:-1]]) + k - 1
    enough = places < ends
    worst = np.full(queries, -np.inf, dtype=np.float32)
    worst[enough] = scored[order[places[enough]]]
    return worst


def _best_of(vectors: Vectors, queries: Vectors, asking: Rows, rows: Rows, k: int) -> tuple[Rows, NDArray[np.float32]]:
    """The k best rows for each query among pairs (query, row), each scored by one dot product."""
    cosines = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), _PAIR_BLOCK):
        block = slice(start, start + _PAIR_BLOCK)
        cosines[block] = np.vecdot(vectors[rows[block]], queries[asking[block]])
    np.clip(cosines, -1, 1, out=cosines)
    order = np.lexsort((rows, -cosines, asking))
    first = np.searchsorted(asking[order], np.arange(len(queries)))
    chosen = order[first[:, None] + np.arange(k)]
    return rows[chosen], cosines[chosen]
