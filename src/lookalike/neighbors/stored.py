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
from lookalike.neighbors.scanning import Found, Scan
from lookalike.neighbors.vector_file import MappedVectors, as_matrix
from lookalike.types import Rows, Vectors

_FILE = "vectors.faiss"
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
    def bytes_in_memory(self) -> int:
        """What it takes, mapped files included."""
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


class RowStore:
    """Float16 vectors in row order, compared by Faiss's kernels.

    One kernel compares in `best` and in `scan`, row by row, so that equal vectors have equal cosines and a vector's
    cosine does not depend on what it was compared beside.

    Args:
        kept: the vectors.
        mapped: where they are, if that is a file.
    """

    def __init__(self, kept: faiss.IndexScalarQuantizer, *, mapped: MappedVectors | None = None) -> None:
        self.kept = kept
        self._mapped = mapped
        self.size: int = kept.ntotal
        self.dimension: int = kept.d
        self._codes = as_matrix(kept, self.size, self.dimension)
        self._scans: WeakKeyDictionary[AllowedRows, Scan] = WeakKeyDictionary()
        self._lock = threading.Lock()

    @classmethod
    def of(cls, vectors: Vectors) -> "RowStore":
        """Keep [size, dimension] float32 vectors."""
        kept = _empty(vectors.shape[1])
        for start in range(0, len(vectors), _ADD_BLOCK):
            kept.add(vectors[start : start + _ADD_BLOCK])
        return cls(kept)

    @classmethod
    def open(cls, directory: Path) -> "RowStore":
        """Map what `save` wrote: pages are read when they are first touched.

        Raises:
            SnapshotDamaged: the file is missing or is not that.
        """
        mapped = MappedVectors(directory / _FILE)
        if not isinstance(mapped.kept, faiss.IndexScalarQuantizer):
            raise SnapshotDamaged(f"{directory / _FILE} holds no float16 vectors")
        return cls(mapped.kept, mapped=mapped)

    @property
    def bytes_in_memory(self) -> int:
        """Two bytes a number."""
        return self._codes.nbytes

    def take(self, rows: Rows) -> Vectors:
        """The vectors of some rows, [n, dimension] float32."""
        return self._codes[rows].view(np.float16).astype(np.float32)

    def best(self, query: Vectors, rows: Rows, k: int) -> Found:
        """The k nearest of some rows; see `Store.best`."""
        return self._of_rows(rows).one(query, k)

    def scan(self, queries: Vectors, k: int, allowed: AllowedRows | None, *, once: bool) -> Found:
        """The k nearest of all rows, or of the allowed ones; see `Store.scan`."""
        scan = self._scan(allowed, once=once)
        return scan.one(queries, k) if len(queries) == 1 else scan.block(queries, k)

    def save(self, directory: Path) -> tuple[str, ...]:
        """Write the vectors, unless they are mapped from that very file.

        Raises:
            StorageFailed: the disk is full or failing.
        """
        if self._mapped is None or not self._mapped.is_in(directory / _FILE):
            write_faiss(self.kept, directory / _FILE)
        return (_FILE,)

    def _scan(self, allowed: AllowedRows | None, *, once: bool) -> Scan:
        if allowed is None:
            return Scan(self.kept, size=self.size)
        if once:
            if allowed.count > _COPIED_ONCE * self.size:
                return Scan(self.kept, size=allowed.count, selector=faiss.IDSelectorBitmap(allowed.bits))
            return self._of_rows(allowed.rows)
        with self._lock:
            scan = self._scans.get(allowed)
            if scan is None:
                self._scans[allowed] = scan = self._of_rows(allowed.rows)
            return scan

    def _of_rows(self, rows: Rows) -> Scan:
        together = _empty(self.dimension)
        together.add_sa_codes(self._codes[rows])
        return Scan(together, size=len(rows), rows=rows)


def ask(index: Any, queries: Vectors, k: int, parameters: Any) -> Found:
    """Search a Faiss index without its Python layer, which costs as much as the search of a few lists."""
    cosines = np.empty((len(queries), k), dtype=np.float32)
    rows = np.empty((len(queries), k), dtype=np.int64)
    pointer = faiss.swig_ptr
    index.search_c(len(queries), pointer(queries), k, pointer(cosines), pointer(rows), parameters)
    return rows, cosines


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


def _empty(dimension: int) -> faiss.IndexScalarQuantizer:
    return faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)


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
