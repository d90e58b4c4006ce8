"""What a curve of position bias corrects: weights of clicks, and click rates."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def click_weights(ranks: NDArray[np.int64], propensities: Numbers, *, most: float = 10.0) -> Numbers:
    """Inverse-propensity weights of clicks, [clicks].

    A click at a place that few people look at stands for those who would have clicked and did not look. Weights are
    clipped, which gives a little bias for much less variance (Joachims et al. 2017).

    Args:
        ranks: [clicks], from 1. Ranks beyond the curve have its last propensity.
        propensities: [places], above 0.
        most: weight at most.
    """
    at = np.minimum(ranks, len(propensities)) - 1
    weights: Numbers = np.minimum(1 / propensities[at], most)
    return weights


def corrected_click_rate(clicks: Numbers, impressions: Numbers, propensities: Numbers) -> float:
    """The click rate that the same hits would have at the place that is looked at most.

    `sum(clicks) / sum(impressions * propensities)`: every impression counts as much as its place is looked at, so that
    two rankings are compared by what they show and not by where. NaN where nothing was looked at.

    Args:
        clicks: [places].
        impressions: [places].
        propensities: [places]; places without one (NaN) are left out.
    """
    known = np.isfinite(propensities)
    looked = float((impressions * propensities)[known].sum())
    return float(clicks[known].sum()) / looked if looked > 0 else float("nan")
