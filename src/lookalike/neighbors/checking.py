"""Refusing vectors that no index can answer for."""

import numpy as np

from lookalike.errors import VectorsRefused
from lookalike.types import Rows, Vectors

_SLACK = 0.02  # of the squared length: what float16 rounding can do, many times over
_SHORTEST, _LONGEST = 1 - _SLACK, 1 + _SLACK


def checked(vectors: Vectors, *, dimension: int | None = None) -> Vectors:
    """The vectors as C-contiguous float32.

    Args:
        vectors: [n, dimension], any float type.
        dimension: what it must be; None for any above 0.

    Raises:
        VectorsRefused: another shape, or a row that is not finite or not of unit length.
    """
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if vectors.ndim != 2:  # noqa: PLR2004 - rows and columns
        raise VectorsRefused(f"vectors of shape {vectors.shape}: must be [vectors, dimension]")
    if vectors.shape[1] != (dimension or vectors.shape[1]) or vectors.shape[1] == 0:
        expected = dimension or "at least 1"
        raise VectorsRefused(f"vectors of dimension {vectors.shape[1]}, expected {expected}")
    if len(vectors) == 1:  # one dot product instead of four array calls: this is on the path of every single query
        row = vectors[0]
        if not _SHORTEST < float(row.dot(row)) < _LONGEST:
            raise _refusal(vectors)
    elif not np.all(np.abs(np.vecdot(vectors, vectors) - 1) < _SLACK):
        raise _refusal(vectors)
    return vectors


def _refusal(vectors: Vectors) -> VectorsRefused:
    squares = np.vecdot(vectors, vectors)
    row = int(np.flatnonzero(~(np.abs(squares - 1) < _SLACK))[0])
    if not np.isfinite(vectors[row]).all():
        return VectorsRefused(f"vector {row} has values that are not finite")
    return VectorsRefused(f"vector {row} has length {float(squares[row]) ** 0.5:.4g}, expected 1")


def checked_k(k: int) -> int:
    """A number of neighbours.

    Raises:
        ValueError: below 1.
    """
    if k < 1:
        raise ValueError(f"k = {k}: at least one neighbour must be asked for")
    return k


def checked_rows(rows: Rows, size: int) -> Rows:
    """Rows as int64.

    Raises:
        IndexError: one is outside an index of that size.
    """
    rows = np.asarray(rows, dtype=np.int64)
    if rows.size and (rows.min() < 0 or rows.max() >= size):
        raise IndexError(f"rows from {rows.min()} to {rows.max()} in an index of {size}")
    return rows
