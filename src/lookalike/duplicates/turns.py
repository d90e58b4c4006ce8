"""The eight ways in which a picture can be turned and mirrored, seen in its colour signature."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Signatures = NDArray[np.uint8]
"""[n, 96]: mean Y of 8 x 8 cells, then mean Cb and Cr of 4 x 4, row by row; see `lookalike.columns`."""

LUMA = 64
"""How many of a signature's numbers are brightness: they come first."""

TURNS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "upright": lambda cells: cells,
    "turned by 90 degrees": lambda cells: np.rot90(cells, 1, (1, 2)),
    "turned by 180 degrees": lambda cells: np.rot90(cells, 2, (1, 2)),
    "turned by 270 degrees": lambda cells: np.rot90(cells, 3, (1, 2)),
    "mirrored": lambda cells: cells[:, :, ::-1],
    "upside down and mirrored": lambda cells: cells[:, ::-1],
    "mirrored and turned by 90 degrees": lambda cells: np.rot90(cells[:, :, ::-1], 1, (1, 2)),
    "mirrored and turned by 270 degrees": lambda cells: np.rot90(cells[:, :, ::-1], 3, (1, 2)),
}
"""[n, side, side, ...] cells as the turned picture has them, by name. Turning is counter-clockwise."""

UPRIGHT = "upright"


def turned(signatures: Signatures, turn: str) -> Signatures:
    """The signatures of turned pictures, [n, 96] uint8."""
    luma = signatures[:, :LUMA].reshape(-1, 8, 8)
    chroma = signatures[:, LUMA:].reshape(-1, 4, 4, 2)
    parts = [np.ascontiguousarray(TURNS[turn](cells)).reshape(len(signatures), -1) for cells in (luma, chroma)]
    return np.concatenate(parts, axis=1)


def shapes(signatures: Signatures) -> NDArray[np.uint8]:
    """[n, 14], in 112 bits whether each cell is darker than its right, and than its lower, neighbour.

    A difference hash (Krawetz 2013) over both directions, so that it can be had of every turn.
    """
    luma = signatures[:, :LUMA].reshape(-1, 8, 8)
    right, below = luma[:, :, :-1] < luma[:, :, 1:], luma[:, :-1] < luma[:, 1:]
    bits = np.concatenate([right.reshape(len(luma), -1), below.reshape(len(luma), -1)], axis=1)
    return np.packbits(bits, axis=1)
