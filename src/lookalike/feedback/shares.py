"""Shares of many events by few people, with intervals that know that one person's events belong together."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 1_000
CONFIDENCE = 0.95
FEWEST_PEOPLE = 5
"""For an interval: those who add something to the denominator."""

_BUCKETS = 4_096
_CELLS = 1 << 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A ratio of two sums over people.

    Attributes:
        count: the numerator.
        of: the denominator.
        value: count / of; None where there is nothing to divide by.
        low: lower end of the 95 % interval; None for fewer than five people, who say too little about others.
        high: upper end; None likewise.
    """

    count: float
    of: float
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Sums:
    """What each person adds to a share.

    Attributes:
        numerator: [people].
        denominator: [people].
    """

    numerator: Floats
    denominator: Floats


def shares(sums: Iterable[Sums], *, resamples: int = RESAMPLES, seed: int = 0) -> list[Share]:
    """The ratio of sums for each pair of columns, with a percentile bootstrap over people.

    People are drawn with replacement, each with everything they did (Efron and Tibshirani 1993, section 8.4: the
    independent units are resampled, not the events). The same draws serve all shares. More than 4,096 people are put
    into as many buckets at random, which are drawn in their place.

    Args:
        sums: of the same people each.
        resamples: how many times people are drawn.
        seed: of the draws, and of the buckets.
    """
    columns = list(sums)
    if not columns:
        return []
    numerators = np.stack([one.numerator for one in columns], axis=1).astype(np.float64)
    denominators = np.stack([one.denominator for one in columns], axis=1).astype(np.float64)
    ratios = _drawn_ratios(numerators, denominators, resamples, seed)
    ratios[:, np.count_nonzero(denominators, axis=0) < FEWEST_PEOPLE] = math.nan
    tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    return [
        _share(float(numerators[:, column].sum()), float(denominators[:, column].sum()), ratios[:, column], tails)
        for column in range(len(columns))
    ]


def _share(count: float, of: float, ratios: Floats, tails: list[float]) -> Share:
    known = ratios[np.isfinite(ratios)]
    low, high = (float(end) for end in np.quantile(known, tails)) if len(known) else (math.nan, math.nan)
    value = count / of if of else math.nan
    return Share(count=count, of=of, value=_or_none(value), low=_or_none(low), high=_or_none(high))


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _drawn_ratios(numerators: Floats, denominators: Floats, resamples: int, seed: int) -> Floats:
    """[resamples, shares]; NaN where a draw has nothing to divide by."""
    random = np.random.default_rng(seed)
    if len(numerators) > _BUCKETS:
        bucket = random.permutation(len(numerators)) % _BUCKETS
        numerators, denominators = (_in_buckets(sums, bucket) for sums in (numerators, denominators))
    people = len(numerators)
    if not people:
        return np.full((resamples, numerators.shape[1]), math.nan)
    blocks = []
    rows = max(1, _CELLS // people)
    for start in range(0, resamples, rows):
        times = random.multinomial(people, np.full(people, 1 / people), size=min(rows, resamples - start))
        with np.errstate(invalid="ignore", divide="ignore"):
            blocks.append((times @ numerators) / (times @ denominators))
    return np.concatenate(blocks)


def _in_buckets(sums: Floats, bucket: NDArray[np.int64]) -> Floats:
    """[buckets, shares]: the sums of the people in each bucket."""
    found = np.zeros((_BUCKETS, sums.shape[1]))
    np.add.at(found, bucket, sums)
    return found
