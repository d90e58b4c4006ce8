"""A SIFT descriptor as 128 signs: of how its histograms vary from cell to cell and from direction to direction."""

import numpy as np
from numpy.typing import NDArray

_CELLS = 4
_DIRECTIONS = 8


def _cosines(cells: int) -> NDArray[np.float64]:
    """[cells, cells], the discrete cosine transform, one frequency a row; not scaled, for only signs are kept."""
    places, frequencies = np.arange(cells) + 0.5, np.arange(cells)[:, None]
    waves: NDArray[np.float64] = np.cos(np.pi / cells * frequencies * places)
    return waves


def _waves(directions: int) -> NDArray[np.float64]:
    """[directions, directions], the real Fourier transform around a circle: the mean, then cosine and sine by turns."""
    around = 2 * np.pi / directions * np.arange(directions)
    rows = [wave(frequency * around) for frequency in range(1, directions // 2) for wave in (np.cos, np.sin)]
    return np.array([np.ones(directions), *rows, np.cos(directions // 2 * around)])


_BASIS = np.kron(np.kron(_cosines(_CELLS), _cosines(_CELLS)), _waves(_DIRECTIONS))
"""[128, 128], a row for each wave over rows, columns and directions of a descriptor. It is fitted to nothing."""


def _flips() -> NDArray[np.uint8]:
    """[16], which bits change in a mirror: those of waves that are odd over the rows, or over the directions."""
    over_rows = np.arange(_CELLS) % 2 == 1
    over_directions = np.array([False, *([False, True] * (_DIRECTIONS // 2 - 1)), False])
    flips = over_rows[:, None, None] ^ np.zeros((1, _CELLS, 1), bool) ^ over_directions
    flips[0, 0, 0] = False
    return np.packbits(flips.ravel())


MIRRORING = _flips()
"""[16] uint8: a code XOR this is the code of the same detail in a mirror."""


def signs(descriptors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """[n, 128], the codes of descriptors.

    The square root of each number comes first (RootSIFT; Arandjelovic and Zisserman 2012). The first sign, of the mean,
    is the same everywhere.

    Args:
        descriptors: [n, 128], of SIFT: 4 rows of 4 cells of 8 directions, at least 0.
    """
    return np.sqrt(descriptors) @ _BASIS.T > 0
