"""How likely each place of a list or of a grid is looked at."""

import numpy as np
from numpy.typing import NDArray


def list_examination(places: int, *, eta: float = 1.0) -> NDArray[np.float64]:
    """Probability that each rank of a list is looked at, [places], 1 at the first.

    `rank ** -eta`, as in Joachims et al. 2017, "Unbiased learning-to-rank with biased feedback".

    Args:
        places: how many ranks.
        eta: how fast attention falls; 0 for people who look at everything.
    """
    return np.arange(1, places + 1, dtype=np.float64) ** -eta


def grid_examination(
    places: int, *, columns: int, eta: float = 0.5, side: float = 0.3, skipped: float = 0.1
) -> NDArray[np.float64]:
    """Probability that each cell of a grid is looked at, row after row from the left, [places]; the largest is 1.

    Three habits that Xie et al. 2017 ("Why people search for images using web search engines") and Guo et al. 2020
    ("Debiasing grid-based product search in e-commerce") found: attention falls more slowly from row to row than in a
    list, the middle of a row is looked at more than its sides, and some rows are skipped.

    Args:
        places: how many cells.
        columns: in a row.
        eta: how fast attention falls from row to row: `row ** -eta`.
        side: how much less the outermost columns are looked at than the middle, 0 to 1.
        skipped: probability that a row behind the first is skipped.
    """
    row, column = np.divmod(np.arange(places), columns)
    middle = (columns - 1) / 2
    off_centre = np.abs(column - middle) / middle if columns > 1 else np.zeros(places)
    by_row = (row + 1.0) ** -eta * np.where(row > 0, 1 - skipped, 1.0)
    seen: NDArray[np.float64] = by_row * (1 - side * off_centre)
    return seen / seen.max(initial=0.0) if places else seen
