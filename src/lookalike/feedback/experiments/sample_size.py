"""How many queries an experiment takes, before it is started."""

import math
from statistics import NormalDist

from lookalike.errors import CallerError

SEQUENTIAL = 1.5
"""About how many times more queries an interval needs that holds at all times than one that is looked at once."""


def queries_for_split(
    rate: float, effect: float, *, confidence: float = 0.95, power: float = 0.8, sequential: bool = True
) -> int:
    """Queries of both arms together that detect a difference of two shares.

    `(z_(1-alpha/2) + z_power)^2 (p(1-p) + q(1-q)) / (q-p)^2` for each arm: the usual two-sided test of proportions.

    Args:
        rate: share of searches with a click today.
        effect: difference to be detected, absolute.
        confidence: 0 to 1.
        power: probability of detecting it.
        sequential: allow for looking at every moment.

    Raises:
        CallerError: a number outside its range.
    """
    other = rate + effect
    if not 0 < rate < 1 or not 0 < other < 1 or effect == 0:
        raise CallerError(f"click rate {rate} and effect {effect}: both rates must be between 0 and 1, and differ")
    spread = rate * (1 - rate) + other * (1 - other)
    each = _factor(confidence, power) * spread / effect**2
    return math.ceil(2 * each * (SEQUENTIAL if sequential else 1))


def queries_for_interleaving(
    preference: float, *, decided: float = 0.3, confidence: float = 0.95, power: float = 0.8, sequential: bool = True
) -> int:
    """Queries that detect a preference for one of two interleaved rankers.

    Args:
        preference: share of queries with a preference that prefer the better ranker, above one half.
        decided: share of all queries that have a preference.
        confidence: 0 to 1.
        power: probability of detecting it.
        sequential: allow for looking at every moment.

    Raises:
        CallerError: a number outside its range.
    """
    if not 0.5 < preference <= 1 or not 0 < decided <= 1:  # noqa: PLR2004 - one half is no preference
        raise CallerError(f"preference {preference} must be above 0.5, and decided {decided} above 0, both at most 1")
    mean = 2 * preference - 1
    variance = max(1 - mean**2, 0.0)
    each = _factor(confidence, power) * max(variance, 0.1) / mean**2 / decided
    return math.ceil(each * (SEQUENTIAL if sequential else 1))


def _factor(confidence: float, power: float) -> float:
    if not 0 < confidence < 1 or not 0 < power < 1:
        raise CallerError(f"confidence {confidence} and power {power} must be between 0 and 1")
    normal = NormalDist()
    return (normal.inv_cdf((1 + confidence) / 2) + normal.inv_cdf(power)) ** 2
