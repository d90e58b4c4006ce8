"""Searching lists of 4-bit codes, and comparing their candidates in the same call of Faiss."""

import threading
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import faiss
import numpy as np

from lookalike.neighbors.allowed import AllowedRows
from lookalike.neighbors.answers import Found, ask, at_least, in_order, stacked
from lookalike.neighbors.lists.codes import CodesSearch
from lookalike.neighbors.lists.fastscan_parameters import IvfPqBuild
from lookalike.neighbors.lists.fastscan_training import centroid_bytes
from lookalike.neighbors.lists.probing import LISTS_FILE
from lookalike.neighbors.stored import RowStore, write_faiss
from lookalike.neighbors.threads import each_large_block
from lookalike.types import Vectors

_NO_COSINE = -2.0  # Faiss fills up with less where it found fewer rows
_MANY = 1_024  # rows looked at where equal cosines must be told apart


class FastScanLists:
    """Visits the lists nearest to a query, and compares the best by their stored vectors: a `Finder`.

    One query takes one thread, the caller's. Batches are spread over a pool that the process shares.

    Args:
        lists: a filled Faiss `IndexIVFPQFastScan`.
        store: the vectors; None where cosines are estimates by codes.
        building: how the lists were built.
    """

    def __init__(self, lists: Any, store: RowStore | None, building: IvfPqBuild) -> None:
        self._lists = lists
        self._store = store
        self._building = building
        self._index = lists if store is None else faiss.IndexRefine(lists, store.kept)
        self._unfiltered: _Probe | None = None
        self._filtered: WeakKeyDictionary[AllowedRows, dict[CodesSearch, _Probe]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    @cached_property
    def bytes_in_memory(self) -> int:
        """Codes, row numbers, and centroids with their codes."""
        lists, block = self._lists, self._lists.bbs  # rows scanned at once: a list is filled up to whole blocks
        blocks = sum(-(-lists.invlists.list_size(place) // block) for place in range(lists.nlist))
        centroids = lists.nlist * centroid_bytes(lists.nlist, lists.d)
        return int(blocks * block * lists.code_size + 8 * lists.ntotal + centroids)

    def candidates(self, k: int, searching: CodesSearch) -> int:
        """As the parameters say; without vectors, as many as are asked for."""
        return k if self._store is None else searching.candidates_for(k)

    def nearest(
        self, queries: Vectors, k: int, allowed: AllowedRows | None, searching: CodesSearch, *, once: bool
    ) -> Found:
        """The k best candidates of each query; see `Finder.nearest`."""
        probe = self._probe(allowed, searching, once=once)
        if len(queries) == 1:
            return probe.one(queries, k)
        return stacked(each_large_block(partial(probe.block, k=k), queries))

    def save(self, directory: Path) -> tuple[str, ...]:
        """Write the lists."""
        write_faiss(self._lists, directory / LISTS_FILE)
        return (LISTS_FILE,)

    def _probe(self, allowed: AllowedRows | None, searching: CodesSearch, *, once: bool) -> "_Probe":
        if allowed is None:
            latest = self._unfiltered
            if latest is None or latest.searching is not searching:
                self._unfiltered = latest = self._new_probe(None, searching)
            return latest
        if once:
            return self._new_probe(allowed, searching)
        with self._lock:
            known = self._filtered.setdefault(allowed, {})
            probe = known.get(searching)
            if probe is None:
                known[searching] = probe = self._new_probe(allowed, searching)
            return probe

    def _new_probe(self, allowed: AllowedRows | None, searching: CodesSearch) -> "_Probe":
        return _Probe(
            self._index,
            kept=None if self._store is None else self._store.kept,
            lists=self._building.lists,
            reachable=allowed.count if allowed else self._lists.ntotal,
            searching=searching,
            selector=faiss.IDSelectorBitmap(allowed.bits) if allowed else None,
        )


class _Probe:
    """Visits lists with the same parameters and the same allowed rows, again and again.

    Args:
        index: `IndexRefine` over lists, or the lists alone.
        kept: the stored vectors, None where there are none.
        lists: how many there are.
        reachable: rows that may be returned.
        searching: probes and candidates.
        selector: keeps rows out; None when all may be returned.
    """

    def __init__(
        self,
        index: Any,
        *,
        kept: Any,
        lists: int,
        reachable: int,
        searching: CodesSearch,
        selector: Any,
    ) -> None:
        self._index = index
        self._kept = kept
        self._lists = lists
        self._reachable = reachable
        self.searching = searching
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
        probes = self.searching.probes
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
        self._usual[k] = parameters = self._parameters(k + 1, self.searching.probes)
        return parameters

    def _parameters(self, wanted: int, probes: int) -> Any:
        lists = faiss.SearchParametersIVF(nprobe=probes, **({"sel": self._selector} if self._selector else {}))
        if self._kept is None:
            return lists
        candidates = max(self.searching.candidates_for(wanted - 1), wanted)
        return faiss.IndexRefineSearchParameters(k_factor=candidates / wanted, base_index_params=lists)
