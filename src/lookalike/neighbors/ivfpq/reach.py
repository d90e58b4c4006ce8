"""Answering from an inverted file: visit the lists near the query, and score the best candidates again."""

from typing import Any, Protocol

import faiss
import numpy as np

from lookalike.neighbors.ivfpq.parameters import IvfPqSearch
from lookalike.neighbors.scanning import Found, ask, at_least, in_order
from lookalike.types import Vectors

_NO_COSINE = -2.0  # Faiss fills up with less where it found fewer rows
_MANY = 1_024  # rows looked at where equal cosines must be told apart


class Reach(Protocol):
    """Answers queries from the rows that it reaches."""

    def one(self, query: Vectors, k: int) -> Found:
        """The k nearest to [1, dimension]; k is at most the number of rows reached."""
        ...

    def block(self, queries: Vectors, k: int) -> Found:
        """The same for a few queries, each as if it were alone."""
        ...


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
        rows, cosines = ask(self._index, query, k + 1, self._usual.get(k) or self._remembered(k))
        values = cosines.tolist()[0]
        if values[k] < _NO_COSINE or len(set(values)) <= k:
            return self._carefully(query, k)
        if values[0] > 1:  # float16 may lengthen a vector by a last digit
            if values[1] >= 1:
                return self._carefully(query, k)
            cosines[0, 0] = 1
        return rows[:, :k], cosines[:, :k]

    def block(self, queries: Vectors, k: int) -> Found:
        """The same for a few queries."""
        rows, cosines = ask(self._index, queries, k + 1, self._usual.get(k) or self._remembered(k))
        np.minimum(cosines, 1, out=cosines)
        unclear = (cosines[:, 1:] == cosines[:, :-1]).any(axis=1) | (rows[:, k] < 0)
        rows, cosines = rows[:, :k], cosines[:, :k]
        for place in np.flatnonzero(unclear):
            rows[place], cosines[place] = (found[0] for found in self._carefully(queries[place : place + 1], k))
        return rows, cosines

    def _carefully(self, query: Vectors, k: int) -> Found:
        """With more probes until k rows are found, and with every row that equals the last of them."""
        probes = self._searching.probes
        wanted = min(max(k + 1, _MANY), self._reachable)
        rows, cosines = ask(self._index, query, wanted, self._parameters(wanted, probes))
        while rows[0, k - 1] < 0 and probes < self._lists:
            probes = min(4 * probes, self._lists)
            rows, cosines = ask(self._index, query, wanted, self._parameters(wanted, probes))
        np.minimum(cosines, 1, out=cosines)
        if self._kept is not None and wanted > k and cosines[0, k - 1] == cosines[0, wanted - 1]:
            rows, cosines = at_least(self._kept, query, cosines[0, k - 1], self._selector)
        return in_order(rows[0], cosines[0], k)

    def _remembered(self, k: int) -> Any:
        self._usual[k] = parameters = self._parameters(k + 1, self._searching.probes)
        return parameters

    def _parameters(self, wanted: int, probes: int) -> Any:
        lists = faiss.SearchParametersIVF(nprobe=probes, **({"sel": self._selector} if self._selector else {}))
        if self._kept is None:
            return lists
        candidates = max(self._searching.candidates_for(wanted - 1), wanted)
        return faiss.IndexRefineSearchParameters(k_factor=candidates / wanted, base_index_params=lists)
