"""The one place where a query and a stored vector become a cosine."""

import numpy as np
from numpy.typing import NDArray

from lookalike.neighbors import COSINE_DECIMALS
from lookalike.types import Vectors

_BLOCK = 256  # rows that are made wide at a time: they stay in the processor's cache


def exact_cosines(query: NDArray[np.float32], vectors: Vectors) -> NDArray[np.float64]:
    """Cosines in float64, each row on its own, so that they depend on nothing but the two vectors.

    Args:
        query: [dimension] float32, need not be of unit length.
        vectors: [n, dimension] float32, likewise.

    Returns:
        [n] float64 in [-1, 1], rounded to six decimals.
    """
    wide_query = query.astype(np.float64)
    products, squares = np.empty(len(vectors)), np.empty(len(vectors))
    for start in range(0, len(vectors), _BLOCK):
        block = slice(start, start + _BLOCK)
        wide = vectors[block].astype(np.float64)
        np.vecdot(wide, wide_query, out=products[block])
        np.vecdot(wide, wide, out=squares[block])
    lengths = np.sqrt(squares * np.vecdot(wide_query, wide_query))
    cosines: NDArray[np.float64] = np.round(products / np.maximum(lengths, 1e-12), COSINE_DECIMALS)
    return np.clip(cosines, -1.0, 1.0)
