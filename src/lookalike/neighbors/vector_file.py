"""The file of float16 vectors: written block by block, and mapped so that only what is asked for is read."""

import struct
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import faiss
import numpy as np

from lookalike.errors import SnapshotDamaged, StorageFailed
from lookalike.types import Vectors

VECTORS_FILE = "vectors.faiss"
"""The name of such a file in the folder of an index."""

_COUNT_AT = 8  # after four letters and the dimension, in four bytes each
_COUNT = struct.Struct("<q")


class VectorFile:
    """Writes what `faiss.write_index` would of an index that holds all the vectors, without ever holding them.

    Faiss ends such a file with the number of code bytes and the codes; for float16 these are the vectors as they are.

    Args:
        path: of the file; replaced if it is there.
        size: rows that will be written.
        dimension: of each.

    Raises:
        StorageFailed: the disk is full or failing; also from `write`.
    """

    def __init__(self, path: Path, *, size: int, dimension: int) -> None:
        self._path = path
        header = bytearray(faiss.serialize_index(no_vectors(dimension)).tobytes())
        _COUNT.pack_into(header, _COUNT_AT, size)
        _COUNT.pack_into(header, len(header) - _COUNT.size, size * 2 * dimension)
        try:
            path.unlink(missing_ok=True)  # the file before may be mapped by an index that goes on being searched
            self._file = path.open("xb")
            self._file.write(header)
        except OSError as failure:
            raise self._failed(failure) from failure

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        except OSError as failure:
            raise self._failed(failure) from failure

    def write(self, vectors: Vectors) -> None:
        """Append [n, dimension] float32 vectors, rounded to float16."""
        try:
            self._file.write(vectors.astype("<f2").data)
        except OSError as failure:
            raise self._failed(failure) from failure

    def _failed(self, failure: OSError) -> StorageFailed:
        return StorageFailed(f"{self._path} could not be written: {failure}")


class MappedVectors:
    """Float16 vectors in a file that Faiss has mapped. Pages are read when they are first touched.

    Args:
        path: of a file that `VectorFile` or `faiss.write_index` made.

    Attributes:
        kept: the Faiss index over them.

    Raises:
        SnapshotDamaged: it is missing or is not that.
    """

    def __init__(self, path: Path) -> None:
        try:
            self.kept: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
            self._place = _place(path)
        except (OSError, RuntimeError) as problem:
            raise SnapshotDamaged(f"{path}: {problem}") from problem

    def is_in(self, path: Path) -> bool:
        """Whether that is the very file that is mapped, which must not be written over."""
        try:
            return _place(path) == self._place
        except OSError:
            return False


def as_matrix(kept: Any, size: int, dimension: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """[size, 2 * dimension] uint8: the float16 vectors where Faiss holds them, not a copy."""
    if size == 0:
        return np.zeros((0, 2 * dimension), dtype=np.uint8)
    stored: np.ndarray[Any, np.dtype[np.uint8]] = faiss.rev_swig_ptr(kept.codes.data(), size * 2 * dimension)
    return stored.reshape(size, 2 * dimension)


def _place(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def no_vectors(dimension: int) -> faiss.IndexScalarQuantizer:
    """An empty store of float16 vectors."""
    return faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
