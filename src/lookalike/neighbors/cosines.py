"""Unit vectors, and the order of their cosines, for whoever compares vectors without an index."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.types import Rows

Number = TypeVar("Number", np.float32, np.float64)

COSINE_DECIMALS = 6
"""Decimals that cosines are rounded to before they are ranked or shown.

Float16 vectors carry no more, and equal images should have equal cosines, so that the order of ids decides.
"""

_SMALLEST = 1e-12


def unit_rows(rows: NDArray[Number]) -> NDArray[Number]:
    """Rows at unit length, [n, dimension] of the same type; a row of zeros stays."""
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _SMALLEST)
    units: NDArray[Number] = (rows / lengths).astype(rows.dtype)
    return units


def nearest_first(cosines: NDArray[Number], most: int | None = None) -> Rows:
    """The places of the highest cosines, best first; of those that are equal when rounded, the first comes first.

    Args:
        cosines: [..., n].
        most: how many are wanted; None for all.

    Returns:
        [..., most] int64.
    """
    return np.argsort(-np.round(cosines, COSINE_DECIMALS), axis=-1, kind="stable")[..., :most]
