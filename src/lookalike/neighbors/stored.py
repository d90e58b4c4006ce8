"""The vectors of an index as float16, by row: compared one by one, scanned, saved and mapped."""

import threading
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import faiss
import numpy as np
from numpy.typing import NDArray

from lookalike.errors import SnapshotDamaged, StorageFailed
from lookalike.neighbors.allowed import AllowedRows
from lookalike.neighbors.answers import Found, ask, at_least, in_order, stacked
from lookalike.neighbors.exact import rounded
from lookalike.neighbors.threads import openmp_threads
from lookalike.neighbors.vector_file import VECTORS_FILE, MappedVectors, as_matrix, no_vectors
from lookalike.types import Rows, Vectors

_ADD_BLOCK = 65_536
_COPIED_ONCE = 0.02  # above this share, copying rows together for one search costs more than stepping over the others


class Store(Protocol):
    """What an index keeps of its vectors, in any precision."""

    @property
    def size(self) -> int:
        """Rows."""
        ...

    @property
    def dimension(self) -> int:
        """Of each vector."""
        ...

    @property
    def whole(self) -> bool:
        """Vectors are kept as float16, not codes of them, and few rows are compared without a look at the others."""
        ...

    @property
    def bytes_in_memory(self) -> int:
        """What it takes, but for mapped files."""
        ...

    @property
    def bytes_mapped(self) -> int:
        """What it leaves in mapped files."""
        ...

    def take(self, rows: Rows) -> Vectors:
        """The vectors of some rows, [n, dimension] float32."""
        ...

    def best(self, query: Vectors, rows: Rows, k: int) -> Found:
        """The k nearest of some rows.

        Args:
            query: [1, dimension] float32.
            rows: [n] int64, ascending, n at least k.
            k: at least 1.

        Returns:
            [1, k] each, best first, equal cosines by row; cosines within [-1, 1].
        """
        ...

    def scan(self, queries: Vectors, k: int, allowed: AllowedRows | None, *, once: bool) -> Found:
        """The k nearest of all rows, or of the allowed ones, by comparing every one.

        Args:
            queries: [queries, dimension] float32.
            k: at least 1, and no more than the allowed rows.
            allowed: None for all.
            once: these allowed rows will not be seen again.
        """
        ...

    def save(self, directory: Path) -> tuple[str, ...]:
        """Write files into an existing directory, and name them.

        Raises:
            StorageFailed: the disk is full or failing.
        """
        ...


class _Scan:
    """Compares a query with every stored float16 vector of some rows.

    Args:
        kept: the vectors.
        size: how many of them count.
        rows: [kept] int64 ascending, their rows in the whole index; None when they are all of it.
        selector: which of them count; None for all.
    """

    def __init__(self, kept: Any, *, size: int, rows: Rows | None = None, selector: Any = None) -> None:
        self._kept = kept
        self._size = size
        self._rows = rows
        self._selector = selector
        self._parameters = faiss.SearchParameters(sel=selector) if selector else None

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

    def each(self, queries: Vectors, k: int) -> Found:
        """The same for a few queries, one after the other."""
        return stacked([self.one(query[None], k) for query in queries])


class RowStore:
    """Float16 vectors in row order, compared by Faiss's kernels.

    One kernel compares in `best` and in `scan`, row by row, so that equal vectors have equal cosines and a vector's
    cosine does not depend on what it was compared beside.

    Args:
        kept: the vectors.
        mapped: where they are, if that is a file.
    """

    whole = True

    def __init__(self, kept: faiss.IndexScalarQuantizer, *, mapped: MappedVectors | None = None) -> None:
        self.kept = kept
        self._mapped = mapped
        self.size: int = kept.ntotal
        self.dimension: int = kept.d
        self._codes = as_matrix(kept, self.size, self.dimension)
        self._scans: WeakKeyDictionary[AllowedRows, _Scan] = WeakKeyDictionary()
        self._lock = threading.Lock()

    @classmethod
    def of(cls, vectors: Vectors) -> "RowStore":
        """Keep [size, dimension] float32 vectors."""
        kept = no_vectors(vectors.shape[1])
        for start in range(0, len(vectors), _ADD_BLOCK):
            kept.add(rounded(vectors[start : start + _ADD_BLOCK]))
        return cls(kept)

    @classmethod
    def open(cls, directory: Path) -> "RowStore":
        """Map what `save` wrote: pages are read when they are first touched.

        Raises:
            SnapshotDamaged: the file is missing or is not that.
        """
        mapped = MappedVectors(directory / VECTORS_FILE)
        if not isinstance(mapped.kept, faiss.IndexScalarQuantizer):
            raise SnapshotDamaged(f"{directory / VECTORS_FILE} holds no float16 vectors")
        return cls(mapped.kept, mapped=mapped)

    @property
    def bytes_in_memory(self) -> int:
        """Two bytes a number, unless they are mapped."""
        return self._codes.nbytes if self._mapped is None else 0

    @property
    def bytes_mapped(self) -> int:
        """Two bytes a number in a mapped file: the system keeps in memory what is asked for, while there is room."""
        return self._codes.nbytes if self._mapped is not None else 0

    def take(self, rows: Rows) -> Vectors:
        """The vectors of some rows, [n, dimension] float32."""
        return self._codes[rows].view(np.float16).astype(np.float32)

    def best(self, query: Vectors, rows: Rows, k: int) -> Found:
        """The k nearest of some rows; see `Store.best`."""
        return self._of_rows(rows).one(query, k)

    def scan(self, queries: Vectors, k: int, allowed: AllowedRows | None, *, once: bool) -> Found:
        """The k nearest of all rows, or of the allowed ones; see `Store.scan`."""
        scan = self._scan(allowed, once=once)
        return scan.each(queries, k)

    def save(self, directory: Path) -> tuple[str, ...]:
        """Write the vectors, unless they are mapped from that very file.

        Raises:
            StorageFailed: the disk is full or failing.
        """
        if self._mapped is None or not self._mapped.is_in(directory / VECTORS_FILE):
            write_faiss(self.kept, directory / VECTORS_FILE)
        return (VECTORS_FILE,)

    def _scan(self, allowed: AllowedRows | None, *, once: bool) -> _Scan:
        if allowed is None:
            return _Scan(self.kept, size=self.size)
        if once:
            if allowed.count > _COPIED_ONCE * self.size:
                return _Scan(self.kept, size=allowed.count, selector=faiss.IDSelectorBitmap(allowed.bits))
            return self._of_rows(allowed.rows)
        with self._lock:
            scan = self._scans.get(allowed)
            if scan is None:
                self._scans[allowed] = scan = self._of_rows(allowed.rows)
            return scan

    def _of_rows(self, rows: Rows) -> _Scan:
        together = no_vectors(self.dimension)
        together.add_sa_codes(self._codes[rows])
        return _Scan(together, size=len(rows), rows=rows)


def write_faiss(index: Any, path: Path, flags: int = 0) -> None:
    """Write a Faiss index.

    Raises:
        StorageFailed: the disk is full or failing.
    """
    try:
        if isinstance(index, faiss.IndexBinary):
            faiss.write_index_binary(index, str(path))
        else:
            faiss.write_index(index, str(path), flags)
    except (OSError, RuntimeError) as failure:  # Faiss raises RuntimeError for a full disk
        raise StorageFailed(f"{path} could not be written: {failure}") from failure


def write_array(array: NDArray[Any], path: Path) -> None:
    """Write an array as `.npy`.

    Raises:
        StorageFailed: the disk is full or failing.
    """
    try:
        np.save(path, array)
    except OSError as failure:
        raise StorageFailed(f"{path} could not be written: {failure}") from failure


def read_faiss(path: Path, flags: int = 0, *, binary: bool = False) -> Any:
    """Read a Faiss index.

    Raises:
        SnapshotDamaged: it is missing or cut short.
    """
    try:
        return faiss.read_index_binary(str(path), flags) if binary else faiss.read_index(str(path), flags)
    except (OSError, RuntimeError) as problem:
        raise SnapshotDamaged(f"{path}: {problem}") from problem


def read_array(path: Path, *, dtype: str, dimensions: int) -> NDArray[Any]:
    """Read what `write_array` wrote.

    Raises:
        SnapshotDamaged: it is missing, cut short or something else.
    """
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as problem:
        raise SnapshotDamaged(f"{path}: {problem}") from problem
    if array.dtype != np.dtype(dtype) or array.ndim != dimensions:
        raise SnapshotDamaged(f"{path}: {array.dtype} of shape {array.shape}")
    return array
