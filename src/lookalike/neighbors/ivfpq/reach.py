"""The two ways to answer from an index: scan the rows that count, or probe the lists near the query."""

from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from lookalike.neighbors.allowed import AllowedRows
from lookalike.neighbors.ivfpq.parameters import IvfPqSearch
from lookalike.neighbors.ivfpq.threads import openmp_threads
from lookalike.types import Rows, Vectors

Found = tuple[Rows, NDArray[np.float32]]
"""Rows and cosines, [queries, k], best first, ties by row ascending."""

_MANY = 1_024  # rows looked at where equal cosines must be told apart


class Reach(Protocol):
    """Answers queries from the rows that it reaches."""

    def one(self, query: Vectors, k: int) -> Found:
        """The k nearest to [1, dimension]; k is at most the number of rows reached."""
        ...

    def block(self, queries: Vectors, k: int) -> Found:
        """The same for a few queries, each as if it were alone."""
        ...


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
        ask = min(k + 1, self._size)
        with openmp_threads(1):  # a flat index starts all threads even for one query
            places, cosines = _ask(self._kept, query, ask, self._parameters)
        np.minimum(cosines, 1, out=cosines)
        if ask > k and cosines[0, k - 1] == cosines[0, k]:  # equal rows on both sides of the end: see all of them
            places, cosines = _at_least(self._kept, query, cosines[0, k], self._selector)
        places, cosines = _in_order(places[0], cosines[0], k)
        return (places if self._rows is None else self._rows[places]), cosines

    def block(self, queries: Vectors, k: int) -> Found:
        """The same for a few queries."""
        return _stacked([self.one(query[None], k) for query in queries])


class Probe:
    """Visits the lists nearest to a query, and scores the best candidates by their stored vectors.

    Args:
        index: `IndexRefine` over lists, or the lists alone.
        kept: the stored vectors, None without refine.
        lists: how many there are.
        reachable: rows that may be returned.
        searching: probes and candidates.
        selector: keeps rows out; None when all may be returned.
    """

    def __init__(
        self,
        index: faiss.Index,
        *,
        kept: faiss.Index | None,
        lists: int,
        reachable: int,
        searching: IvfPqSearch,
        selector: faiss.IDSelector | None,
    ) -> None:
        self._index = index
        self._kept = kept
        self._lists = lists
        self._reachable = reachable
        self._searching = searching
        self._selector = selector
        self._usual: dict[int, Any] = {}

    def one(self, query: Vectors, k: int) -> Found:
        """The k nearest to [1, dimension]: on the path of every single query, hence few array calls."""
        rows, cosines = _ask(self._index, query, k + 1, self._usual.get(k) or self._remembered(k))
        values = cosines[0].tolist()
        if len(set(values)) <= k or rows[0, k] < 0:
            return self._carefully(query, k)
        if values[0] > 1:  # float16 may lengthen a vector by a last digit
            if values[1] >= 1:
                return self._carefully(query, k)
            cosines[0, 0] = 1
        return rows[:, :k], cosines[:, :k]

    def block(self, queries: Vectors, k: int) -> Found:
        """The same for a few queries."""
        rows, cosines = _ask(self._index, queries, k + 1, self._usual.get(k) or self._remembered(k))
        np.minimum(cosines, 1, out=cosines)
        unclear = (cosines[:, 1:] == cosines[:, :-1]).any(axis=1) | (rows[:, k] < 0)
        rows, cosines = rows[:, :k], cosines[:, :k]
        for place in np.flatnonzero(unclear):
            rows[place], cosines[place] = (found[0] for found in self._carefully(queries[place : place + 1], k))
        return rows, cosines

    def _carefully(self, query: Vectors, k: int) -> Found:
        """With more probes until k rows are found, and with every row that equals the last of them."""
        probes = self._searching.probes
        ask = min(max(k + 1, _MANY), self._reachable)
        rows, cosines = _ask(self._index, query, ask, self._parameters(ask, probes))
        while rows[0, k - 1] < 0 and probes < self._lists:
            probes = min(4 * probes, self._lists)
            rows, cosines = _ask(self._index, query, ask, self._parameters(ask, probes))
        np.minimum(cosines, 1, out=cosines)
        if self._kept is not None and ask > k and cosines[0, k - 1] == cosines[0, ask - 1]:
            rows, cosines = _at_least(self._kept, query, cosines[0, k - 1], self._selector)
        return _in_order(rows[0], cosines[0], k)

    def _remembered(self, k: int) -> Any:
        self._usual[k] = parameters = self._parameters(k + 1, self._searching.probes)
        return parameters

    def _parameters(self, ask: int, probes: int) -> Any:
        lists = faiss.SearchParametersIVF(nprobe=probes, **({"sel": self._selector} if self._selector else {}))
        if self._kept is None:
            return lists
        candidates = max(self._searching.candidates_for(ask - 1), ask)
        return faiss.IndexRefineSearchParameters(k_factor=candidates / ask, base_index_params=lists)


def _ask(index: faiss.Index, queries: Vectors, k: int, parameters: Any) -> Found:
    """Call Faiss without its Python layer, which costs as much as scanning two lists."""
    cosines = np.empty((len(queries), k), dtype=np.float32)
    rows = np.empty((len(queries), k), dtype=np.int64)
    pointer = faiss.swig_ptr
    index.search_c(len(queries), pointer(queries), k, pointer(cosines), pointer(rows), parameters)
    return rows, cosines


def _at_least(kept: faiss.Index, query: Vectors, cosine: float, selector: faiss.IDSelector | None) -> Found:
    """Every row whose cosine is no less, and some whose cosine is hardly less, in any order.

    Faiss sums products in another order here than where it looks for the k nearest, so the rows are compared once more.
    """
    below = float(cosine) - kept.d * 2.0**-22  # twice what two float32 sums in different orders can differ by
    parameters = faiss.SearchParameters(sel=selector) if selector else None
    with openmp_threads(1):
        _, _, rows = kept.range_search(query, below, params=parameters)
        return _ask(kept, query, len(rows), faiss.SearchParameters(sel=faiss.IDSelectorBatch(rows)))


def _in_order(rows: Rows, cosines: NDArray[np.float32], k: int) -> Found:
    """The k best of what was found, [1, k]."""
    found = rows >= 0
    rows, cosines = rows[found], np.clip(cosines[found], -1, 1)
    order = np.lexsort((rows, -cosines))[:k]
    return rows[None, order], cosines[None, order]


def _stacked(found: list[Found]) -> Found:
    return np.concatenate([rows for rows, _ in found]), np.concatenate([cosines for _, cosines in found])
