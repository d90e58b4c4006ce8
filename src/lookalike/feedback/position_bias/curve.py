"""A curve of position bias: the result of every estimator."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

METHODS = ("harvesting", "regression", "trust")
"""`harvesting` compares places at which the same image was shown; `regression` explains clicks by the place and by what
the model says of the image; `trust` is harvesting that allows for trust in the order."""


@dataclass(frozen=True, kw_only=True)
class PositionBias:
    """How likely each place is looked at, relative to the place that is looked at most.

    Attributes:
        method: one of `METHODS`.
        propensities: [places], the largest is 1; NaN for places that nothing connects to the others. With trust bias,
            how much the click rate rises with relevance, which takes the place of examination.
        low: [places], lower end of the interval.
        high: [places], upper end.
        confidence: of the intervals, 0 to 1.
        impressions: [places], how many hits were shown there.
        clicks: [places].
        documents: pairs of query image and image that were used.
        offsets: [places], with trust bias: the click rate that an image gets there without answering at all.
    """

    method: str
    propensities: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    confidence: float
    impressions: NDArray[np.float64]
    clicks: NDArray[np.float64]
    documents: int
    offsets: NDArray[np.float64] | None = None

    def by_rank(self, least: float = 0.01) -> tuple[float, ...]:
        """A propensity for every rank, as `lookalike train --position-bias` reads them: above 0, at most 1.

        Ranks without an estimate have that of the ranks beside them, on a logarithmic scale.

        Args:
            least: smaller ones are raised to it, so that no click gets a weight without bounds.
        """
        known = np.isfinite(self.propensities) & (self.propensities > 0)
        if not known.any():
            return (1.0,) * len(known)
        filled = np.exp(_between(np.log(np.where(known, self.propensities, 1.0)), known))
        return tuple(float(one) for one in np.clip(filled, least, 1.0))

    def offsets_by_rank(self) -> tuple[float, ...]:
        """An offset for every rank; empty without trust bias. Ranks without an estimate have that of those beside."""
        if self.offsets is None or not np.isfinite(self.offsets).any():
            return ()
        return tuple(map(float, _between(self.offsets, np.isfinite(self.offsets))))


def _between(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """[places], with places that are not known interpolated by the logarithm of the rank."""
    rank = np.log(np.arange(1, len(known) + 1))
    found: NDArray[np.float64] = np.interp(rank, rank[known], values[known])
    return found
