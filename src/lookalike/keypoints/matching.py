"""Which keypoints of two pictures look alike."""

import numpy as np
from numpy.typing import NDArray

_BITS = 128
_TAKEN = np.uint8(255)  # above any distance


def matches(one: NDArray[np.uint64], other: NDArray[np.uint64], *, ratio: float) -> NDArray[np.intp]:
    """Pairs of keypoints whose codes are each other's nearest, and clearly nearer than the second nearest.

    The ratio test is Lowe's (2004), on the number of bits that differ.

    Args:
        one: [n, 2], codes of a picture.
        other: [m, 2], codes of another picture.
        ratio: the nearest may differ in at most so many times as many bits as the second nearest, 0 to 1.

    Returns:
        [pairs, 2], places in `one` and in `other`.
    """
    if len(one) == 0 or len(other) < 2:  # noqa: PLR2004 - without a second nearest there is no ratio
        return np.zeros((0, 2), np.intp)
    apart = np.bitwise_count(one[:, None, 0] ^ other[:, 0]) + np.bitwise_count(one[:, None, 1] ^ other[:, 1])
    rows = np.arange(len(one))
    nearest = apart.argmin(axis=1)
    least = apart[rows, nearest]
    mutual = least == apart.min(axis=0)[nearest]
    apart[rows, nearest] = _TAKEN
    clear = mutual & (least <= ratio * np.minimum(apart.min(axis=1), _BITS).astype(np.float64))
    return np.stack([rows[clear], nearest[clear]], axis=1)
