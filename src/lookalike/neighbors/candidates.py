"""An index that proposes candidates by some structure, and compares these by their stored vectors."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from lookalike.documents import from_document
from lookalike.errors import SnapshotDamaged, StorageFailed
from lookalike.neighbors.allowed import AllowedRows, allowed_rows
from lookalike.neighbors.answers import Found, nothing, stacked
from lookalike.neighbors.checking import checked, checked_k, checked_rows
from lookalike.neighbors.stored import Store
from lookalike.neighbors.threads import each_block
from lookalike.types import Mask, Neighbors, Rows, Vectors

_Answer = TypeVar("_Answer")
_PARAMETERS_FILE = "parameters.json"
_QUERY_BLOCK = 16
SMALL = 1_024
"""So few rows are compared one by one faster than any structure says which to compare: none is asked."""

SCANNED_ROWS = 50_000
"""So many allowed rows are compared one by one: every true neighbour is found."""

_SCANNED_SHARE = 0.5  # unless they are most of the index, which is then as good as unfiltered
_BULK = 8  # when more than an eighth of the rows is asked for, a structure saves nothing
_EFFORT = 2  # nor when half of the rows would be candidates


class Structure(Protocol):
    """What an index has beside its stored vectors. Safe to use from many threads at once."""

    @property
    def bytes_in_memory(self) -> int:
        """What it takes, mapped files included, apart from the stored vectors."""
        ...

    def candidates(self, k: int, searching: Any) -> int:
        """How many rows it looks at when all count. From half of the index on, all are compared instead."""
        ...

    def save(self, directory: Path) -> tuple[str, ...]:
        """Write files into an existing directory, and name them.

        Raises:
            StorageFailed: the disk is full or failing.
        """
        ...


class Finder(Structure, Protocol):
    """Finds neighbours among candidates: what most structures get from `Proposals`."""

    def nearest(self, queries: Vectors, k: int, allowed: AllowedRows | None, searching: Any, *, once: bool) -> Found:
        """The k best candidates of each query, found as if it were alone.

        Args:
            queries: [queries, dimension] float32, any number.
            k: at least 1, and no more than the allowed rows.
            allowed: rows that count; None for all.
            searching: the query parameters.
            once: these allowed rows will not be seen again.
        """
        ...


class Proposer(Structure, Protocol):
    """A structure that says which rows may be near to a query."""

    def propose(self, queries: Vectors, k: int, allowed: AllowedRows | None, searching: Any) -> Rows:
        """Rows that may be among the k nearest to each query, found as if it were alone.

        Args:
            queries: [queries, dimension] float32, 16 at most.
            k: neighbours wanted, plus one to see whether the last two are equal.
            allowed: rows that count. A structure that cannot leave out the others proposes more instead.
            searching: the query parameters.

        Returns:
            [queries, n] int64, in any order, each row once; -1 and rows that are not allowed are passed over.
        """
        ...


class Proposals:
    """Finds neighbours among what a structure proposes, by comparing it with each query.

    Every row is compared when the proposals do not settle which k rows are best: fewer than k, or equal cosines at the
    end.

    Args:
        proposer: the structure.
        store: the vectors.
    """

    def __init__(self, proposer: Proposer, store: Store) -> None:
        self._proposer = proposer
        self._store = store

    @property
    def bytes_in_memory(self) -> int:
        """The structure."""
        return self._proposer.bytes_in_memory

    def candidates(self, k: int, searching: Any) -> int:
        """As the structure says."""
        return self._proposer.candidates(k, searching)

    def save(self, directory: Path) -> tuple[str, ...]:
        """Write the structure."""
        return self._proposer.save(directory)

    def nearest(self, queries: Vectors, k: int, allowed: AllowedRows | None, searching: Any, *, once: bool) -> Found:
        """The k best candidates of each query; see `Finder.nearest`."""
        # compared in this thread: so many short calls from several threads would wait for each other's interpreter lock
        proposed = _in_blocks(partial(self._proposed, k=k, allowed=allowed, searching=searching), queries)
        rows = (row for block in proposed for row in block)
        scan = partial(self._store.scan, k=k, allowed=allowed, once=once)
        places = ((queries[place : place + 1], found) for place, found in enumerate(rows))
        return stacked([self._best(query, rows, k) or scan(query) for query, rows in places])

    def _proposed(self, queries: Vectors, k: int, allowed: AllowedRows | None, searching: Any) -> Rows:
        rows = self._proposer.propose(queries, k + 1, allowed, searching)
        if allowed is not None:
            rows = np.where(allowed.mask[rows], rows, -1)  # the last row stands in for -1, which stays so either way
        return np.sort(rows, axis=1)

    def _best(self, query: Vectors, rows: Rows, k: int) -> Found | None:
        """The k best of ascending rows; None when it is not certain that they are the best."""
        rows = rows[np.searchsorted(rows, 0) :]
        if len(rows) <= k:
            return None
        rows, cosines = self._store.best(query, rows, k + 1)
        return None if cosines[0, k - 1] == cosines[0, k] else (rows[:, :k], cosines[:, :k])


class CandidateIndex:
    """Keeps the promises of `VectorIndex` for any structure that finds neighbours among candidates.

    Every row is compared instead where that is certain and no more expensive: in small libraries, among few allowed
    rows, and when a large share is asked for.

    Args:
        finder: the structure.
        store: the vectors.
        name: of the backend.
        building: how it was built.
        searching: how it is searched.
    """

    def __init__(self, finder: Finder, store: Store, *, name: str, building: Any, searching: Any) -> None:
        self.backend = name
        self.building = building
        self.searching = searching
        self.size = store.size
        self.dimension = store.dimension
        self._finder = finder
        self._store = store
        self._found_among_all: set[int] = set()

    @classmethod
    def of(cls, proposer: Proposer, store: Store, *, name: str, building: Any, searching: Any) -> "CandidateIndex":
        """An index whose candidates a structure proposes."""
        return cls(Proposals(proposer, store), store, name=name, building=building, searching=searching)

    @property
    def keeps_vectors(self) -> bool:
        """Whether the store has vectors rather than codes."""
        return self._store.whole

    @property
    def bytes_in_memory(self) -> int:
        """The structure, and the stored vectors unless they are mapped."""
        return self._finder.bytes_in_memory + self._store.bytes_in_memory

    @property
    def bytes_mapped(self) -> int:
        """Stored vectors in a mapped file: the system keeps in memory what is asked for, while there is room."""
        return self._store.bytes_mapped

    def searching_with(self, searching: Any) -> "CandidateIndex":
        """The same storage, searched with other parameters.

        Raises:
            ValueError: parameters of another backend.
        """
        if type(searching) is not type(self.searching):
            raise ValueError(f"{self.backend} is searched with {type(self.searching).__name__}, not {searching!r}")
        return CandidateIndex(self._finder, self._store, name=self.backend, building=self.building, searching=searching)

    def search(self, queries: Vectors, k: int, *, allowed: Mask | AllowedRows | None = None) -> Neighbors:
        """The k rows nearest to each query; see `VectorIndex.search`."""
        queries = checked(queries, dimension=self.dimension)
        if allowed is None and len(queries) == 1 and k in self._found_among_all:  # the usual case, by the shortest way
            return Neighbors(*self._finder.nearest(queries, k, None, self.searching, once=False))
        prepared = allowed_rows(allowed, self.size)
        reachable = prepared.count if prepared else self.size
        kept = min(checked_k(k), reachable)
        if kept == 0 or len(queries) == 0:
            return nothing(len(queries), k)
        rows, cosines = self._answer(queries, kept, prepared, once=prepared is not allowed)
        if kept == k:
            return Neighbors(rows=rows, cosines=cosines)
        found = nothing(len(queries), k)
        found.rows[:, :kept], found.cosines[:, :kept] = rows, cosines
        return found

    def vectors(self, rows: Rows) -> Vectors:
        """The stored vectors, [n, dimension] float32."""
        return self._store.take(checked_rows(rows, self.size))

    def save(self, directory: Path) -> None:
        """Write the structure, the vectors and the parameters.

        Raises:
            StorageFailed: the disk is full or failing.
        """
        files = (*self._store.save(directory), *self._finder.save(directory))
        try:
            stored = _Stored(
                backend=self.backend,
                building=asdict(self.building),
                searching=asdict(self.searching),
                size=self.size,
                dimension=self.dimension,
                files={file: (directory / file).stat().st_size for file in files},
            )
            (directory / _PARAMETERS_FILE).write_text(json.dumps(asdict(stored), indent=1), encoding="utf-8")
        except OSError as failure:
            raise StorageFailed(f"the index could not be written to {directory}: {failure}") from failure

    def _answer(self, queries: Vectors, k: int, allowed: AllowedRows | None, *, once: bool) -> Found:
        if not self._compares_all(k, allowed):
            if allowed is None:
                self._found_among_all.add(k)
            return self._finder.nearest(queries, k, allowed, self.searching, once=once)
        return stacked(_in_blocks(partial(self._store.scan, k=k, allowed=allowed, once=once), queries))

    def _compares_all(self, k: int, allowed: AllowedRows | None) -> bool:
        reachable = self.size
        if allowed is not None:
            reachable = allowed.count
            if self._store.whole and reachable <= min(SCANNED_ROWS, _SCANNED_SHARE * self.size):
                return True
        many = k * _BULK > reachable or self._finder.candidates(k, self.searching) * _EFFORT >= reachable
        return many or reachable <= SMALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What stands beside a saved index.

    Attributes:
        building: its build parameters.
        searching: its query parameters.
        size: rows.
        dimension: of each vector.
    """

    building: Any
    searching: Any
    size: int
    dimension: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """`parameters.json`: the parameters, and the length of each file in bytes."""

    backend: str
    building: dict[str, Any]
    searching: dict[str, Any]
    size: int
    dimension: int
    files: dict[str, int]


def read_saved(directory: Path, *, name: str, building: type[Any], searching: type[Any]) -> Saved:
    """Read the parameters, and check that every file is there in its full length.

    Libraries that map or parse files without looking would end the process on a short one.

    Args:
        directory: where `CandidateIndex.save` wrote.
        name: of the backend.
        building: the dataclass of its build parameters.
        searching: the dataclass of its query parameters.

    Raises:
        SnapshotDamaged: a file is missing or of another length.
    """
    try:
        document = json.loads((directory / _PARAMETERS_FILE).read_text(encoding="utf-8"))
        stored = from_document(_Stored, document, place=_PARAMETERS_FILE, unknown="ignore")
        if stored.backend != name:
            raise SnapshotDamaged(f"{directory} holds an index of {stored.backend}, not {name}")
        for file, length in stored.files.items():
            if (directory / file).stat().st_size != length:
                raise SnapshotDamaged(f"{directory / file} should have {length} bytes")
        return Saved(
            building=from_document(building, stored.building, place=f"{_PARAMETERS_FILE}: building"),
            searching=from_document(searching, stored.searching, place=f"{_PARAMETERS_FILE}: searching"),
            size=stored.size,
            dimension=stored.dimension,
        )
    except (OSError, ValueError) as problem:
        raise SnapshotDamaged(f"{directory}: {problem}") from problem


def widened(count: int, size: int, allowed: AllowedRows | None) -> int:
    """How many of all rows to look at so that about `count` of them are allowed; a fifth more for chance."""
    if allowed is None:
        return min(count, size)
    return min(int(1.2 * count * size / allowed.count) + 1, size)


def _in_blocks(search: Callable[[Vectors], _Answer], queries: Vectors) -> list[_Answer]:
    if len(queries) == 1:
        return [search(queries)]
    return each_block(search, [queries[start : start + _QUERY_BLOCK] for start in range(0, len(queries), _QUERY_BLOCK)])
