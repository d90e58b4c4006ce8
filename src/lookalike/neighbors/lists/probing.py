"""Visiting the lists nearest to a query, and vectors that are kept in the lists themselves."""

import math
import threading
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import faiss
import numpy as np

from lookalike.errors import SnapshotDamaged
from lookalike.neighbors.allowed import AllowedRows
from lookalike.neighbors.answers import Found, ask, stacked
from lookalike.neighbors.exact import rounded
from lookalike.neighbors.lists.training import ADD_BLOCK
from lookalike.neighbors.stored import RowStore, read_faiss, write_faiss
from lookalike.neighbors.threads import cores, openmp_threads
from lookalike.types import Rows, Vectors

LISTS_FILE = "lists.faiss"
_LAST_DIGITS = 1e-6  # two sums of the same products in different orders differ by less
_MANY = 1_024  # rows looked at where equal cosines must be told apart


class ListSearch(Protocol):
    """Query parameters of an index of lists."""

    @property
    def probes(self) -> int:
        """Lists visited for each query."""
        ...

    def candidates_for(self, k: int) -> int:
        """Rows proposed when k neighbours are asked for."""
        ...


class Probes:
    """Proposes the best of the lists nearest to a query, by what the lists hold.

    Args:
        lists: a filled Faiss index of inverted lists.
        query_bits: of RaBitQ: to how many bits a query's numbers are rounded; 0 for not.
    """

    def __init__(self, lists: Any, *, query_bits: int | None = None) -> None:
        self._lists = lists
        self._query_bits = query_bits

    @property
    def bytes_in_memory(self) -> int:
        """What the lists hold, row numbers and centroids."""
        return int(self._lists.ntotal * (self._lists.code_size + 8) + 4 * self._lists.nlist * self._lists.d)

    def propose(self, queries: Vectors, k: int, allowed: AllowedRows | None, searching: ListSearch) -> Rows:
        """Visit lists: the more of them, the fewer rows are allowed."""
        probes = searching.probes
        if allowed is not None:
            probes = math.ceil(probes * math.sqrt(self._lists.ntotal / allowed.count))
        asked = min(max(searching.candidates_for(k), k), self._lists.ntotal)
        return ask(self._lists, queries, asked, self.parameters(probes, allowed))[0]

    def candidates(self, k: int, searching: ListSearch) -> int:
        """All rows once all lists are visited with as many candidates; lists are skipped otherwise."""
        return max(searching.candidates_for(k), k)

    def save(self, directory: Path) -> tuple[str, ...]:
        """Write the lists."""
        write_faiss(self._lists, directory / LISTS_FILE)
        return (LISTS_FILE,)

    def parameters(self, probes: int, allowed: AllowedRows | None) -> Any:
        """For a search by Faiss."""
        chosen: dict[str, Any] = {"nprobe": min(probes, self._lists.nlist)}
        if allowed is not None:
            chosen["sel"] = faiss.IDSelectorBitmap(allowed.bits)
        if self._query_bits is not None:
            return faiss.IVFRaBitQSearchParameters(qb=self._query_bits, **chosen)
        return faiss.SearchParametersIVF(**chosen)


class ListStore:
    """Vectors kept in the lists and nowhere else, as precisely as the lists hold them.

    Args:
        lists: a filled Faiss index of inverted lists.
        probes: of the same lists.
        whole: the lists hold float16 vectors, not codes of them. Allowed rows that come again are then copied together.
        located: searches decode rows, so that where each row is in the lists counts as memory.
    """

    def __init__(self, lists: Any, probes: Probes, *, whole: bool, located: bool = True) -> None:
        self._lists = lists
        self._probes = probes
        self.whole = whole
        self._located = located
        self._together: WeakKeyDictionary[AllowedRows, RowStore] = WeakKeyDictionary()
        self.size: int = lists.ntotal
        self.dimension: int = lists.d
        self._lock = threading.Lock()

    @property
    def bytes_in_memory(self) -> int:
        """Where each row is in the lists; `Probes` counts the rest."""
        return 8 * self.size if self._located else 0

    @property
    def bytes_mapped(self) -> int:
        """None."""
        return 0

    def take(self, rows: Rows) -> Vectors:
        """The vectors of some rows, [n, dimension] float32."""
        with self._lock:
            self._lists.make_direct_map(True)  # nothing if it was made before
        return np.asarray(self._lists.reconstruct_batch(rows), dtype=np.float32).reshape(-1, self.dimension)

    def best(self, query: Vectors, rows: Rows, k: int) -> Found:
        """The k nearest of some rows; see `Store.best`."""
        cosines = np.vecdot(self.take(rows), query[0])
        np.clip(cosines, -1, 1, out=cosines)
        order = np.argsort(-cosines, kind="stable")[:k]
        return rows[None, order], cosines[None, order]

    def scan(self, queries: Vectors, k: int, allowed: AllowedRows | None, *, once: bool) -> Found:
        """The k nearest of all rows, or of the allowed ones, by visiting every list; see `Store.scan`."""
        if allowed is not None and self.whole and not once:
            rows, cosines = self._copied(allowed).scan(queries, k, None, once=False)
            return allowed.rows[rows], cosines
        found = [self._scan_one(queries[place : place + 1], k, allowed) for place in range(len(queries))]
        return stacked(found)

    def save(self, directory: Path) -> tuple[str, ...]:
        """Nothing: `Probes` writes the lists."""
        del directory
        return ()

    def _copied(self, allowed: AllowedRows) -> RowStore:
        together = self._together.get(allowed)
        if together is None:
            self._together[allowed] = together = RowStore.of(self.take(allowed.rows))
        return together

    def _scan_one(self, query: Vectors, k: int, allowed: AllowedRows | None) -> Found:
        reachable = allowed.count if allowed else self.size
        parameters = self._probes.parameters(self._lists.nlist, allowed)
        asked = min(max(k + 1, 2 * k), reachable)
        while True:
            rows, estimates = ask(self._lists, query, asked, parameters)
            unclear = asked < reachable and estimates[0, k - 1] - estimates[0, asked - 1] < _LAST_DIGITS
            if not unclear:
                return self.best(query, np.sort(rows[0]), k)
            asked = min(max(_MANY, 8 * asked), reachable)


def open_lists(directory: Path, *, size: int, dimension: int, lists: int) -> Any:
    """Read the lists.

    Raises:
        SnapshotDamaged: they are missing, or not of that size.
    """
    index = read_faiss(directory / LISTS_FILE)
    if (index.ntotal, index.d, index.nlist) != (size, dimension, lists):
        raise SnapshotDamaged(f"{directory}: the lists do not belong to what stands beside them")
    return index


def filled(lists: Any, vectors: Vectors, *, threads: int | None) -> Any:
    """Add [size, dimension] float32 vectors in blocks, rounded to float16; the same whatever the threads."""
    with openmp_threads(threads or cores()):
        for start in range(0, len(vectors), ADD_BLOCK):
            lists.add(rounded(vectors[start : start + ADD_BLOCK]))
    return lists
