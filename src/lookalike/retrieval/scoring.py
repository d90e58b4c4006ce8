"""The one place where a query and a stored vector become a cosine."""

import numpy as np
from numpy.typing import NDArray

from lookalike.neighbors import COSINE_DECIMALS
from lookalike.types import Vectors


def exact_cosines(query: NDArray[np.float32], vectors: Vectors) -> NDArray[np.float64]:
    """Cosines in float64, each row on its own, so that they depend on nothing but the two vectors.

    Args:
        query: [dimension] float32, need not be of unit length.
        vectors: [n, dimension] float32, likewise.

    Returns:
        [n] float64 in [-1, 1], rounded to six decimals.
    """
    wide_query = query.astype(np.float64)
    wide = vectors.astype(np.float64)
    lengths = np.sqrt(np.vecdot(wide, wide) * np.vecdot(wide_query, wide_query))
    cosines: NDArray[np.float64] = np.round(np.vecdot(wide, wide_query) / np.maximum(lengths, 1e-12), COSINE_DECIMALS)
    return np.clip(cosines, -1.0, 1.0)
