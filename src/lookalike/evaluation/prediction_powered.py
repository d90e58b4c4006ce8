"""How well a library ranks, from few grades: people's grades where there are some, the model's guesses elsewhere.

Prediction-powered inference (Angelopoulos et al. 2023, "Prediction-powered inference"; "PPI++: efficient
prediction-powered inference") adds guesses to an estimate and takes out, by the graded part, what they are wrong by.
The interval is valid whatever the guesses are worth: good ones make it narrower, bad ones do not make it wrong.

The measure is sDCG@k: DCG@k as a share of the highest imaginable one, k hits of grade 5. It is a sum over hits, so it
can be estimated when only some hits of a query are graded; nDCG cannot, as its ideal needs all grades.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import EvaluationRefused
from lookalike.evaluation.ranking_metrics import MAX_GRADE

Table = NDArray[np.float64]

FEWEST_QUERIES = 30
FOLDS = 5
_RIDGE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoweredEstimate:
    """A mean over queries with its confidence interval.

    Attributes:
        mean: of sDCG@k, 0 to 1.
        low: lower end.
        high: upper end.
        confidence: 0 to 1.
        queries: with a graded hit.
        more_queries: without one, of which only guesses are known.
        grades: that were used.
        hits: of the queries with a graded hit.
        weight: of the guesses, 0 (useless) to about 1.
        grades_only: half width of the interval by the same grades without guesses.
    """

    mean: float
    low: float
    high: float
    confidence: float
    queries: int
    more_queries: int
    grades: int
    hits: int
    weight: float
    grades_only: float

    @property
    def half_width(self) -> float:
        """Of the interval."""
        return (self.high - self.low) / 2


def discounts(cutoff: int) -> Table:
    """How much each rank counts in sDCG@k, [cutoff]; they sum to 1."""
    found = 1 / np.log2(np.arange(2, cutoff + 2))
    shares: Table = found / found.sum()
    return shares


def powered_estimate(
    grades: Table, guesses: Table, more_guesses: Table | None = None, *, confidence: float = 0.95
) -> PoweredEstimate:
    """The mean sDCG@k over the queries that these are a sample of.

    Which hits of a query are graded must be random; how many are may depend on the rank. Queries are independent, hits
    of one query need not be: the interval is that of a mean over queries.

    Args:
        grades: [queries, k] of hits by rank, 0 to 5; NaN where a hit is not graded.
        guesses: [queries, k], guessed grades, each made without the grades of its own query.
        more_guesses: [more, k], of queries drawn from the same population without grades; None for none.
        confidence: 0 to 1.

    Raises:
        EvaluationRefused: there are fewer than 30 queries, or a rank at which nothing is graded.
    """
    sums, corrections = _sums(grades, guesses)
    queries = len(sums)
    weight = _weight(sums, corrections)
    values = sums + weight * corrections
    grades_only = float(sums.std(ddof=1)) / math.sqrt(queries)
    mean, squared_error = float(values.mean()), float(values.var(ddof=1)) / queries
    more = 0 if more_guesses is None else len(more_guesses)
    if more_guesses is not None and more >= FEWEST_QUERIES:
        mean, squared_error = _with_more(values, guesses, more_guesses)
    normal = NormalDist().inv_cdf((1 + confidence) / 2)
    half = normal * math.sqrt(squared_error)
    return PoweredEstimate(
        mean=mean,
        low=mean - half,
        high=mean + half,
        confidence=confidence,
        queries=queries,
        more_queries=more,
        grades=int(np.isfinite(grades).sum()),
        hits=int(grades.size),
        weight=weight,
        grades_only=normal * grades_only,
    )


def guessed_grades(features: Table, grades: Table, more_features: Table | None = None) -> tuple[Table, Table | None]:
    """Grades guessed from features of hits by ridge regression, each query from the other queries' grades.

    Args:
        features: [queries, k, features] of hits.
        grades: [queries, k], NaN where a hit is not graded.
        more_features: [more, k, features] of further queries, guessed from all grades; None for none.

    Returns:
        guesses for the queries, [queries, k], and for the further ones.
    """
    folds = np.arange(len(grades)) % FOLDS
    guesses = np.empty_like(grades)
    for fold in range(FOLDS):
        guesses[folds == fold] = _predicted(features[folds == fold], features[folds != fold], grades[folds != fold])
    more = None if more_features is None else _predicted(more_features, features, grades)
    return guesses, more


def hit_features(cosines: Table) -> Table:
    """What the model says of each hit, [queries, k, features]: cosines, how they fall, and the rank.

    Args:
        cosines: [queries, k] of hits by rank.
    """
    best, mean = cosines[:, :1], cosines.mean(axis=1, keepdims=True)
    rank = np.broadcast_to(1 / np.log2(np.arange(2, cosines.shape[1] + 2)), cosines.shape)
    columns = [cosines, cosines**2, cosines**3, cosines - best, np.broadcast_to(mean, cosines.shape), rank]
    return np.stack([*columns, np.broadcast_to(mean**2, cosines.shape)], axis=-1)


def _sums(grades: Table, guesses: Table) -> tuple[Table, Table]:
    """By query: the sum of graded hits, each for those like it that are not graded, and what guesses would add."""
    if len(grades) < FEWEST_QUERIES:
        raise EvaluationRefused(
            f"--estimate: {len(grades)} queries with a graded hit are too few for an interval: grade hits of at least"
            f" {FEWEST_QUERIES}"
        )
    graded = np.isfinite(grades)
    share = graded.mean(axis=0)
    if (share == 0).any():
        rank = int(np.argmin(share)) + 1
        raise EvaluationRefused(
            f"--estimate: no hit at rank {rank} is graded: `lookalike label --strategy estimate` chooses hits at every"
            " rank"
        )
    counted = discounts(grades.shape[1]) / MAX_GRADE
    weights = graded / share
    sums: Table = (weights * np.where(graded, grades, 0.0)) @ counted
    corrections: Table = ((1 - weights) * guesses) @ counted
    return sums, corrections


def _weight(sums: Table, corrections: Table) -> float:
    """The weight of guesses that makes the variance least (PPI++)."""
    variance = float(corrections.var(ddof=1))
    if variance <= 0:
        return 0.0
    return float(-np.cov(sums, corrections)[0, 1] / variance)


def _with_more(values: Table, guesses: Table, more_guesses: Table) -> tuple[float, float]:
    """Mean and squared standard error, with queries of which only guesses are known."""
    counted = discounts(guesses.shape[1]) / MAX_GRADE
    own, more = guesses @ counted, more_guesses @ counted
    queries, others = len(own), len(more)
    spread = float(own.var(ddof=1))
    weight = float(np.cov(values, own)[0, 1]) / spread / (1 + queries / others) if spread > 0 else 0.0
    rest = values - weight * own
    mean = float(rest.mean()) + weight * float(more.mean())
    return mean, float(rest.var(ddof=1)) / queries + weight**2 * float(more.var(ddof=1)) / others


def _predicted(at: Table, features: Table, grades: Table) -> Table:
    """Ridge regression on standardised features."""
    graded = np.isfinite(grades)
    known, wanted = features[graded], grades[graded]
    if not len(known):
        return np.zeros(at.shape[:-1])
    centre, scale = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-9)
    standard = (known - centre) / scale
    gram = standard.T @ standard + _RIDGE * np.eye(standard.shape[1])
    slopes = np.linalg.solve(gram, standard.T @ (wanted - wanted.mean()))
    found: Table = np.clip((at - centre) / scale @ slopes + wanted.mean(), 0, MAX_GRADE)
    return found
