"""Refusing vectors that no index can answer for."""

import faiss
import numpy as np
from numpy.typing import NDArray

from lookalike.errors import VectorsRefused
from lookalike.types import Rows, Vectors

_SHORTEST, _LONGEST = 0.98, 1.02  # of the squared length: what float16 rounding can do, many times over


def checked(vectors: Vectors, *, dimension: int | None = None) -> Vectors:
    """The vectors as C-contiguous float32.

    Args:
        vectors: [n, dimension], any float type.
        dimension: what it must be; None for any above 0.

    Raises:
        VectorsRefused: another shape, or a row that is not finite or not of unit length.
    """
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if vectors.shape == (1, dimension):  # every single query comes here: one sum of squares by the shortest way
        square: float = faiss.fvec_norm_L2sqr(faiss.swig_ptr(vectors), dimension)
        if _SHORTEST < square < _LONGEST:
            return vectors
    if vectors.ndim != 2:  # noqa: PLR2004 - rows and columns
        raise VectorsRefused(f"vectors of shape {vectors.shape}: must be [vectors, dimension]")
    if vectors.shape[1] != (dimension or vectors.shape[1]) or vectors.shape[1] == 0:
        expected = dimension or "at least 1"
        raise VectorsRefused(f"vectors of dimension {vectors.shape[1]}, expected {expected}")
    squares = np.vecdot(vectors, vectors)
    wrong = ~((squares > _SHORTEST) & (squares < _LONGEST))
    if wrong.any():
        raise _refusal(vectors, squares, int(np.argmax(wrong)))
    return vectors


def _refusal(vectors: Vectors, squares: NDArray[np.float32], row: int) -> VectorsRefused:
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
