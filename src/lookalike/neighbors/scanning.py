"""Comparing a query with stored vectors themselves: all that count, or the candidates that something else proposed."""

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from lookalike.neighbors.allowed import AllowedRows
from lookalike.neighbors.threads import openmp_threads
from lookalike.types import Rows, Vectors

Found = tuple[Rows, NDArray[np.float32]]
"""Rows and cosines, [queries, k], best first, ties by row ascending."""


class Scan:
    """Compares a query with every stored float16 vector of some rows.

    Args:
        kept: the vectors.
        size: how many of them count.
        rows: [kept] int64 ascending, their rows in the whole index; None when they are all of it.
        selector: which of them count; None for all.
    """

    def __init__(
        self, kept: faiss.Index, *, size: int, rows: Rows | None = None, selector: faiss.IDSelector | None = None
    ) -> None:
        self._kept = kept
        self._size = size
        self._rows = rows
        self._selector = selector
        self._parameters = faiss.SearchParameters(sel=selector) if selector else None

    @classmethod
    def copied(cls, codes: NDArray[np.uint8], allowed: AllowedRows, dimension: int) -> "Scan":
        """Over the allowed rows, copied together: dear once, then as fast as it can be.

        Args:
            codes: [size, 2 * dimension] uint8, all stored vectors as bytes.
            allowed: which to keep.
            dimension: of a vector.
        """
        kept = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        kept.add_sa_codes(codes[allowed.rows])
        return cls(kept, size=allowed.count, rows=allowed.rows)

    def one(self, query: Vectors, k: int) -> Found:
        """The k nearest to [1, dimension]."""
        wanted = min(k + 1, self._size)
        with openmp_threads(1):  # a flat index starts all threads even for one query
            places, cosines = ask(self._kept, query, wanted, self._parameters)
        np.minimum(cosines, 1, out=cosines)
        if wanted > k and cosines[0, k - 1] == cosines[0, k]:  # equal rows on both sides of the end: see all of them
            places, cosines = at_least(self._kept, query, cosines[0, k], self._selector)
        places, cosines = in_order(places[0], cosines[0], k)
        return (places if self._rows is None else self._rows[places]), cosines

    def block(self, queries: Vectors, k: int) -> Found:
        """The same for a few queries."""
        return _stacked([self.one(query[None], k) for query in queries])


def ask(index: faiss.Index, queries: Vectors, k: int, parameters: Any) -> Found:
    """Call Faiss without its Python layer, which costs as much as scanning two lists."""
    cosines = np.empty((len(queries), k), dtype=np.float32)
    rows = np.empty((len(queries), k), dtype=np.int64)
    pointer = faiss.swig_ptr
    index.search_c(len(queries), pointer(queries), k, pointer(cosines), pointer(rows), parameters)
    return rows, cosines


def at_least(kept: faiss.Index, query: Vectors, cosine: float, selector: faiss.IDSelector | None) -> Found:
    """Every row whose cosine is no less, and some whose cosine is hardly less, in any order.

    Faiss sums products in another order here than where it looks for the k nearest, so the rows are compared once more.
    """
    below = float(cosine) - kept.d * 2.0**-22  # twice what two float32 sums in different orders can differ by
    parameters = faiss.SearchParameters(sel=selector) if selector else None
    with openmp_threads(1):
        _, _, rows = kept.range_search(query, below, params=parameters)
        return ask(kept, query, len(rows), faiss.SearchParameters(sel=faiss.IDSelectorBatch(rows)))


def in_order(rows: Rows, cosines: NDArray[np.float32], k: int) -> Found:
    """The k best of what was found, [1, k]."""
    found = rows >= 0
    rows, cosines = rows[found], np.clip(cosines[found], -1, 1)
    order = np.lexsort((rows, -cosines))[:k]
    return rows[None, order], cosines[None, order]


def _stacked(found: list[Found]) -> Found:
    return np.concatenate([rows for rows, _ in found]), np.concatenate([cosines for _, cosines in found])
