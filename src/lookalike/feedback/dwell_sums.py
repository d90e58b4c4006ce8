"""How long images were looked at after a click, as the sums from which log-normal dwells are fitted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_SHORTEST = 0.05  # seconds: a shorter dwell is none


def log_seconds(seconds: ArrayLike) -> Floats:
    """The logarithms of dwells, of which very short ones are alike."""
    logs: Floats = np.log(np.maximum(seconds, _SHORTEST))
    return logs


@dataclass(frozen=True, slots=True, kw_only=True)
class DwellSums:
    """How long clicked images were looked at, each for a query.

    Attributes:
        counts: [pairs], clicks of which the dwell is known.
        logs: [pairs], the sum of the logarithms of their seconds.
        squares: [pairs], the sum of the squares of these.
    """

    counts: Floats
    logs: Floats
    squares: Floats

    @classmethod
    def of(cls, pairs: NDArray[np.int64], seconds: Floats, number: int) -> "DwellSums":
        """From one row for each click or impression.

        Args:
            pairs: [rows], the number of its pair.
            seconds: [rows], of its dwell; NaN where that is not known.
            number: of pairs.
        """
        known = np.isfinite(seconds)
        logs, pair = log_seconds(seconds[known]), pairs[known]
        return cls(
            counts=np.bincount(pair, minlength=number).astype(np.float64),
            logs=np.bincount(pair, logs, minlength=number).astype(np.float64),
            squares=np.bincount(pair, logs**2, minlength=number).astype(np.float64),
        )

    def only(self, pairs: NDArray[np.bool_]) -> "DwellSums":
        """The same with some pairs."""
        return DwellSums(counts=self.counts[pairs], logs=self.logs[pairs], squares=self.squares[pairs])

    def misfit(self, log_median: Floats) -> Floats:
        """[pairs, levels], squared distances of the logarithms of the dwells from that of each level's median."""
        squares: Floats = self.squares[:, None] - 2 * log_median * self.logs[:, None]
        squares += self.counts[:, None] * log_median**2
        return squares
