"""Position bias where no image was ever shown at two places: regression-EM.

Wang et al. 2018, "Position bias estimation for unbiased learning to rank in personal search": a click means that the
place was looked at and that the image is relevant; relevance is a function of what the model says of the image. Here
that function is a step function over quantiles of the score. Where relevance depends on more than the score, the curve
takes up what is left: prefer harvesting wherever images have moved.
"""

import numpy as np
from numpy.typing import NDArray

from lookalike.feedback.position_bias.click_table import ClickTable, Counts

GROUPS = 20
"""Steps of the function that gives relevance by the score."""

_ROUNDS = 2_000
_ENOUGH = 1e-7
_LEAST = 1e-9


def by_score(table: ClickTable) -> NDArray[np.int64]:
    """Which quantile of the score each document is in, [documents]; those without a score are a group of their own."""
    known = np.isfinite(table.scores)
    groups = np.zeros(len(table.scores), dtype=np.int64)
    if known.any():
        edges = np.unique(np.quantile(table.scores[known], np.linspace(0, 1, GROUPS + 1)[1:-1]))
        groups[known] = 1 + np.searchsorted(edges, table.scores[known], side="right")
    return groups


def summed(values: Counts, groups: NDArray[np.int64]) -> Counts:
    """Rows of [documents, places] summed by group, [groups, places]."""
    sums = np.zeros((int(groups.max()) + 1, values.shape[1]))
    np.add.at(sums, groups, values)
    return sums


def regress(impressions: Counts, clicks: Counts) -> Counts:
    """Probabilities that places are looked at, by expectation maximisation.

    Args:
        impressions: [..., groups, places]; further axes are fits of their own.
        clicks: [..., groups, places].

    Returns:
        [..., places], divided by the largest; NaN where nothing was shown.
    """
    shown = impressions.sum(axis=-2)
    looked = np.full(impressions.shape[:-2] + impressions.shape[-1:], 0.5)
    relevant = np.full(impressions.shape[:-1], 0.5)
    unclicked = impressions - clicks
    for _ in range(_ROUNDS):
        neither = np.maximum(1 - looked[..., None, :] * relevant[..., :, None], _LEAST)
        looked_at = clicks + unclicked * looked[..., None, :] * (1 - relevant[..., :, None]) / neither
        relevant_to = clicks + unclicked * relevant[..., :, None] * (1 - looked[..., None, :]) / neither
        before = looked
        looked = looked_at.sum(axis=-2) / np.maximum(shown, _LEAST)
        relevant = relevant_to.sum(axis=-1) / np.maximum(impressions.sum(axis=-1), _LEAST)
        scale = np.maximum(looked.max(axis=-1, keepdims=True), _LEAST)  # only the product of both is determined
        looked, relevant = looked / scale, np.minimum(relevant * scale, 1.0)
        if np.abs(looked - before).max() < _ENOUGH:
            break
    found: Counts = np.where(shown > 0, looked, np.nan)
    return found
