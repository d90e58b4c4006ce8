"""Rows and cosines as Faiss gives them and as callers get them."""

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from lookalike.neighbors.threads import openmp_threads
from lookalike.types import Neighbors, Rows, Vectors

Found = tuple[Rows, NDArray[np.float32]]
"""Rows and cosines, [queries, k], best first, ties by row ascending."""


def ask(index: Any, queries: Vectors, k: int, parameters: Any) -> Found:
    """Search a Faiss index without its Python layer, which costs as much as the search of a few lists."""
    cosines = np.empty((len(queries), k), dtype=np.float32)
    rows = np.empty((len(queries), k), dtype=np.int64)
    pointer = faiss.swig_ptr
    index.search_c(len(queries), pointer(queries), k, pointer(cosines), pointer(rows), parameters)
    return rows, cosines


def at_least(kept: Any, query: Vectors, cosine: float, selector: Any) -> Found:
    """Every row whose cosine is no less, and some whose cosine is hardly less, in any order.

    Faiss sums products in another order here than where it looks for the k nearest, so the rows are compared once more.

    Args:
        kept: a Faiss index of all vectors.
        query: [1, dimension] float32.
        cosine: the least that counts.
        selector: of Faiss, which rows count; None for all.
    """
    below = float(cosine) - kept.d * 2.0**-22  # twice what two float32 sums in different orders can differ by
    parameters = faiss.SearchParameters(sel=selector) if selector else None
    with openmp_threads(1):
        _, _, rows = kept.range_search(query, below, params=parameters)
        return ask(kept, query, len(rows), faiss.SearchParameters(sel=faiss.IDSelectorBatch(rows)))


def in_order(rows: Rows, cosines: NDArray[np.float32], k: int) -> Found:
    """The k best of what was found for one query, [1, k]; rows of -1 are left out."""
    found = rows >= 0
    rows, cosines = rows[found], np.clip(cosines[found], -1, 1)
    order = np.lexsort((rows, -cosines))[:k]
    return rows[None, order], cosines[None, order]


def stacked(found: list[Found]) -> Found:
    """The answers to several blocks of queries as one."""
    if len(found) == 1:
        return found[0]
    return np.concatenate([rows for rows, _ in found]), np.concatenate([cosines for _, cosines in found])


def nothing(queries: int, k: int) -> Neighbors:
    """Answers without a row: -1 with cosine -inf, [queries, k]."""
    rows = np.full((queries, k), -1, dtype=np.int64)
    return Neighbors(rows=rows, cosines=np.full((queries, k), -np.inf, dtype=np.float32))
