"""Is the difference real? Intervals and tests over per-query values, seeded so that a report can be remade."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.errors import EvaluationRefused
from lookalike.evaluation.measures import Measure
from lookalike.evaluation.ranking_metrics import Values
from lookalike.evaluation.scoring import Evaluation

RESAMPLES = 10_000
CONFIDENCE = 0.95
_CELLS = 1 << 20
_TIE = 1e-12
_FARTHEST = 1e-9  # beyond it the corrected quantile would come back from the other end
_EXACT_QUERIES = 13  # 2^13 = 8,192 sign patterns: fewer than the default number of random ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean with its confidence interval.

    Attributes:
        mean: of the values.
        low: lower end; NaN for fewer than two values, which say nothing about their spread.
        high: upper end; NaN likewise.
        confidence: of the interval, 0 to 1.
        queries: how many values.
        method: how it was made.
    """

    mean: float
    low: float
    high: float
    confidence: float
    queries: int
    method: Literal["bca", "percentile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The first of two systems against the second, on the queries for which both have a value.

    Attributes:
        first: mean of the first system on these queries.
        second: mean of the second.
        difference: first - second, with its confidence interval.
        p_value: two-sided, of the paired randomisation test: how often a difference at least as large appears when
            each query's two values swap places by chance.
        effect_size: mean difference / standard deviation of the differences (Cohen's d for pairs); 0 when no query
            differs, infinite when all differ by the same.
        wins: queries on which the first is better.
        ties: queries on which both are the same.
        losses: queries on which the second is better.
        left_out: queries for which one has no value.
    """

    first: float
    second: float
    difference: Interval
    p_value: float
    effect_size: float
    wins: int
    ties: int
    losses: int
    left_out: int = 0

    @property
    def queries(self) -> int:
        """How many queries were compared."""
        return self.wins + self.ties + self.losses


def bootstrap_interval(
    values: ArrayLike,
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    method: Literal["bca", "percentile"] = "bca",
    seed: int = 0,
) -> Interval:
    """A confidence interval of the mean over queries, by drawing as many queries again with replacement.

    `percentile` takes the quantiles of the drawn means (Efron 1979). `bca` corrects them for bias and skewness (Efron
    1987, "Better bootstrap confidence intervals"), which matters where most queries score 0 or 1.

    Args:
        values: [queries], one a query; leave undefined ones out first.
        confidence: between 0 and 1.
        resamples: how many times to draw.
        method: see above.
        seed: of the draws.

    Raises:
        EvaluationRefused: there is no value, or one is not finite.
        ValueError: `confidence` or `resamples` make no sense.
    """
    sample = _finite(values)
    if not 0 < confidence < 1 or resamples < 1:
        raise ValueError(f"confidence {confidence} must be between 0 and 1, resamples {resamples} at least 1")
    mean = float(sample.mean())
    low = high = math.nan
    if len(sample) > 1:
        means = _drawn_means(sample, resamples, seed)
        tails = ((1 - confidence) / 2, (1 + confidence) / 2)
        if method == "bca":
            tails = _corrected(tails, sample, means)
        low, high = (float(end) for end in np.quantile(means, tails))
    return Interval(mean=mean, low=low, high=high, confidence=confidence, queries=len(sample), method=method)


def randomisation_test(differences: ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0) -> float:
    """Two-sided p-value of the paired randomisation (permutation) test on per-query differences.

    Under the null hypothesis the two systems' values for a query could as well be swapped: its difference has either
    sign. The p-value is the share of sign patterns whose mean is at least as far from 0 as the observed one: over all
    2^n patterns for up to 13 queries, else over `resamples` random ones and the observed one (so it is never 0).
    Fisher 1935; Smucker, Allan and Carterette 2007, "A comparison of statistical significance tests for information
    retrieval evaluation".

    Args:
        differences: [queries], first - second.
        resamples: random sign patterns.
        seed: of the patterns.

    Raises:
        EvaluationRefused: there is no difference, or one is not finite.
    """
    sample = _finite(differences)
    observed = abs(float(sample.sum()))
    as_far = observed - _TIE * float(np.abs(sample).sum())  # sums of the same numbers in another order are equal here
    extreme = total = 0
    for flipped in _sign_patterns(len(sample), resamples, seed):
        # Flipping the sign of some differences takes each of them away twice.
        sums = float(sample.sum()) - 2.0 * (flipped.astype(np.float64) @ sample)
        extreme += int(np.count_nonzero(np.abs(sums) >= as_far))
        total += len(flipped)
    if len(sample) <= _EXACT_QUERIES:
        return extreme / total
    return (extreme + 1) / (total + 1)


def compare(first: ArrayLike, second: ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0) -> Comparison:
    """Two systems on the same queries, in the same order.

    Args:
        first: [queries] values of the first system, NaN where undefined.
        second: [queries] values of the second.
        resamples: for the interval and for the test.
        seed: for both.

    Raises:
        EvaluationRefused: no query has a value for both.
        ValueError: the two have different lengths.
    """
    ours = np.asarray(first, dtype=np.float64)
    theirs = np.asarray(second, dtype=np.float64)
    if ours.shape != theirs.shape or ours.ndim != 1:
        raise ValueError(f"values for the same queries are needed, not of shapes {ours.shape} and {theirs.shape}")
    both = ~(np.isnan(ours) | np.isnan(theirs))
    differences = ours[both] - theirs[both]
    if not len(differences):
        raise EvaluationRefused("nothing to compare: no query has a value for both systems")
    wins, losses = int(np.count_nonzero(differences > _TIE)), int(np.count_nonzero(differences < -_TIE))
    return Comparison(
        first=float(ours[both].mean()),
        second=float(theirs[both].mean()),
        difference=bootstrap_interval(differences, resamples=resamples, seed=seed),
        p_value=randomisation_test(differences, resamples=resamples, seed=seed),
        effect_size=_effect_size(differences),
        wins=wins,
        ties=len(differences) - wins - losses,
        losses=losses,
        left_out=int(np.count_nonzero(~both)),
    )


def compare_evaluations(
    first: Evaluation, second: Evaluation, measure: Measure, *, resamples: int = RESAMPLES, seed: int = 0
) -> Comparison:
    """Two evaluations by one measure, query by query. Queries that only one of them has are counted as left out.

    Raises:
        EvaluationRefused: no query has a value for both.
        KeyError: one of them was not made with this measure.
    """
    ours = dict(zip(first.queries, first.of(measure).tolist(), strict=True))
    theirs = dict(zip(second.queries, second.of(measure).tolist(), strict=True))
    queries = list(dict.fromkeys([*ours, *theirs]))
    return compare(
        [ours.get(query, math.nan) for query in queries],
        [theirs.get(query, math.nan) for query in queries],
        resamples=resamples,
        seed=seed,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for how many comparisons were made, in the order given.

    With ten models compared, one p-value below 0.05 is likely by luck alone. Holm 1979, "A simple sequentially
    rejective multiple test procedure": the i-th smallest of m is multiplied by m - i + 1, and none falls below the one
    before it.
    """
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values, dtype=np.float64)[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(value) for value in adjusted]


def _finite(values: ArrayLike) -> Values:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or not len(sample):
        raise EvaluationRefused(f"one value a query is needed, not an array of shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise EvaluationRefused("a value is not finite: leave queries without a value out first")
    return sample


def _drawn_means(sample: Values, resamples: int, seed: int) -> NDArray[np.float64]:
    """Means of `resamples` draws with replacement, [resamples] float64."""
    random = np.random.default_rng(seed)
    rows = max(1, _CELLS // len(sample))
    blocks = []
    for start in range(0, resamples, rows):
        chosen = random.integers(len(sample), size=(min(rows, resamples - start), len(sample)), dtype=np.int32)
        blocks.append(sample[chosen].mean(axis=1))
    return np.concatenate(blocks)


def _corrected(tails: tuple[float, float], sample: Values, means: NDArray[np.float64]) -> tuple[float, float]:
    """The quantiles to read instead, corrected for bias (z0) and acceleration (a); unchanged where there is no spread.

    For a mean the jackknife's acceleration has a closed form: a = sum d^3 / (6 (sum d^2)^1.5), d = value - mean.
    """
    normal = NormalDist()
    mean = sample.mean()
    below = float(np.count_nonzero(means < mean) + 0.5 * np.count_nonzero(means == mean)) / len(means)
    deviations = sample - mean
    largest = float(np.abs(deviations).max())
    if not 0 < below < 1 or largest == 0:
        return tails
    deviations /= largest  # the acceleration has no unit; the cubes of very small numbers would all be 0
    bias = normal.inv_cdf(below)
    acceleration = float(np.sum(deviations**3)) / (6 * float(np.sum(deviations**2)) ** 1.5)

    def corrected(tail: float) -> float:
        z = bias + normal.inv_cdf(tail)
        return normal.cdf(bias + z / max(1 - acceleration * z, _FARTHEST))

    return corrected(tails[0]), corrected(tails[1])


def _sign_patterns(queries: int, resamples: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Blocks of [patterns, queries] uint8, 1 where the difference's sign is flipped."""
    if queries <= _EXACT_QUERIES:
        yield ((np.arange(2**queries)[:, None] >> np.arange(queries)) & 1).astype(np.uint8)
        return
    random = np.random.default_rng(seed)
    rows = max(1, _CELLS // queries)
    for start in range(0, resamples, rows):
        bits = random.integers(256, size=(min(rows, resamples - start), -(-queries // 8)), dtype=np.uint8)
        yield np.unpackbits(bits, axis=1, count=queries)


def _effect_size(differences: Values) -> float:
    mean = float(differences.mean())
    if abs(mean) <= _TIE:
        return 0.0
    spread = float(differences.std(ddof=1)) if len(differences) > 1 else 0.0
    return mean / spread if spread > _TIE else math.copysign(math.inf, mean)
