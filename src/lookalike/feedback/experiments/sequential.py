"""Intervals that may be looked at after every query: they hold at all times at once.

An interval of fixed size that is looked at again and again excludes the truth sooner or later. A confidence sequence
does so with probability `1 - confidence` at most over all time, so that an experiment may stop as soon as it excludes
zero. Boundary: the normal mixture of Howard et al. 2021, "Time-uniform, nonparametric, nonasymptotic confidence
sequences", which the mixture SPRT of Robbins 1970 and Johari et al. 2022 inverts to; with the empirical variance, as in
Waudby-Smith et al. 2024, "Time-uniform central limit theory and asymptotic confidence sequences".
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95
TUNED_FOR = 1_000
"""The interval is narrowest after about so many observations."""

INTERLEAVED_TUNED_FOR = 200
"""The same for interleaved queries, of which fewer are needed."""

LEAST = 30
"""With fewer observations the variance is not known well enough: there is no interval."""

_EXTREMES = 12
"""The variance is taken as if so many more observations lay at the ends of their range. Of rare events the first
observations show none, and an interval from their variance alone would be too narrow: with a rate of 2 %, more than
half of all experiments would be decided wrongly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnytimeInterval:
    """An estimate with an interval that holds at all times at once.

    Attributes:
        mean: the estimate; NaN without observations.
        low: lower end; minus infinity while there are too few observations.
        high: upper end; infinity likewise.
        confidence: 0 to 1.
        count: observations.
    """

    mean: float
    low: float
    high: float
    confidence: float
    count: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the sign is decided."""
        return self.low > 0 or self.high < 0


def anytime_mean(
    values: ArrayLike, *, span: float = 1.0, confidence: float = CONFIDENCE, tuned_for: float = TUNED_FOR
) -> AnytimeInterval:
    """A confidence sequence of a mean, as of now.

    Args:
        values: [n], independent, in the order in which they came or any other.
        span: largest less smallest value there may be.
        confidence: 0 to 1.
        tuned_for: observations after which the interval should be narrowest.
    """
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) < LEAST:
        return _unknown(float(sample.mean()) if len(sample) else math.nan, confidence, len(sample))
    variance = float(sample.var(ddof=1))
    half = _half_width(len(sample), variance + _EXTREMES * (span / 2) ** 2 / len(sample), confidence, tuned_for)
    mean = float(sample.mean())
    return AnytimeInterval(mean=mean, low=mean - half, high=mean + half, confidence=confidence, count=len(sample))


def anytime_difference(
    first: ArrayLike, second: ArrayLike, *, confidence: float = CONFIDENCE, tuned_for: float = TUNED_FOR
) -> AnytimeInterval:
    """A confidence sequence of mean(second) - mean(first) of two groups that queries are assigned to at random.

    Values are between 0 and 1.

    Args:
        first: [n], independent.
        second: [m], independent.
        confidence: 0 to 1.
        tuned_for: observations of both groups after which the interval should be narrowest.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    count = len(one) + len(other)
    if min(len(one), len(other)) < LEAST:
        known = len(one) and len(other)
        return _unknown(float(other.mean() - one.mean()) if known else math.nan, confidence, count)
    squared_error = sum(_padded(group) / len(group) for group in (one, other))
    half = _half_width(count, count * squared_error, confidence, tuned_for)
    mean = float(other.mean() - one.mean())
    return AnytimeInterval(mean=mean, low=mean - half, high=mean + half, confidence=confidence, count=count)


def running_half_widths(
    counts: NDArray[np.float64], variances: NDArray[np.float64], *, confidence: float, tuned_for: float
) -> NDArray[np.float64]:
    """Half widths after each of many numbers of observations, [n]."""
    alpha = 1 - confidence
    # rho^2 that makes the boundary tightest at tuned_for observations, in its usual approximation
    rho = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / tuned_for
    inflated = counts * rho + 1
    half: NDArray[np.float64] = np.sqrt(
        variances * 2 * inflated / (counts**2 * rho) * np.log(np.sqrt(inflated) / alpha)
    )
    return half


def _half_width(count: int, variance: float, confidence: float, tuned_for: float) -> float:
    ends = running_half_widths(
        np.array([float(count)]), np.array([variance]), confidence=confidence, tuned_for=tuned_for
    )
    return float(ends[0])


def _padded(sample: NDArray[np.float64]) -> float:
    return float(sample.var(ddof=1)) + _EXTREMES / 4 / len(sample)


def _unknown(mean: float, confidence: float, count: int) -> AnytimeInterval:
    return AnytimeInterval(mean=mean, low=-math.inf, high=math.inf, confidence=confidence, count=count)
