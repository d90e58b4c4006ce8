"""Ranking quality as pure functions over arrays: one row a query, one column a rank.

Every function takes *grades in rank order*: [queries, depth] int8, where column 0 is the first result, values 0 to 5
are what people judged, `UNJUDGED` (-1) is a result nobody judged and `ABSENT` (-2) pads a ranking that is shorter than
the others. Both count as not relevant, with gain 0. A result is *relevant* when its grade is `rel` or more.

What the ranking could have held comes as *grade counts*: [queries, 6] int64, how many judged images of the query have
each grade, retrieved or not. Relevant counts and ideal gains follow from it.

All results are [queries] float64. Measures that divide by what could be found are NaN for a query that has nothing to
find; whoever averages decides what that means, and `scoring.evaluate_run` counts it.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

MAX_GRADE = 5
GRADE_LEVELS = MAX_GRADE + 1
UNJUDGED = -1
ABSENT = -2

Grades: TypeAlias = NDArray[np.int8]
"""Grades in rank order, [queries, depth] int8."""

GradeCounts: TypeAlias = NDArray[np.int64]
"""Judged images of each query by grade, [queries, 6] int64."""

Values: TypeAlias = NDArray[np.float64]
"""One value a query, [queries] float64."""

Gain: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Grade to gain, elementwise; a gain of 0 for grade 0."""


def linear_gain(grades: NDArray[np.float64]) -> NDArray[np.float64]:
    """The grade itself (Järvelin and Kekäläinen 2002; what trec_eval does)."""
    return grades


def exponential_gain(grades: NDArray[np.float64]) -> NDArray[np.float64]:
    """2^grade - 1 (Burges et al. 2005): a 5 is worth 31 ones instead of five."""
    return np.exp2(grades) - 1


def count_grades(grades: Grades) -> GradeCounts:
    """How many images of each grade a padded table of judgements holds.

    Args:
        grades: [queries, judged images] int8 in any order; `ABSENT` and `UNJUDGED` are not counted.

    Returns:
        [queries, 6] int64.
    """
    return np.stack([np.count_nonzero(grades == grade, axis=1) for grade in range(GRADE_LEVELS)], axis=1).astype(
        np.int64
    )


def relevant_counts(counts: GradeCounts, *, rel: int = 1) -> NDArray[np.int64]:
    """How many images are relevant to each query, found or not: [queries] int64."""
    return np.asarray(counts[:, rel:].sum(axis=1), dtype=np.int64)


def reciprocal_rank(grades: Grades, *, cutoff: int | None = None, rel: int = 1) -> Values:
    """1 / rank of the first relevant result; 0 when there is none. Its mean is MRR.

    Voorhees 1999, "The TREC-8 question answering track report".
    """
    relevant = grades[:, :cutoff] >= rel
    if relevant.shape[1] == 0:
        return np.zeros(len(grades))
    first = relevant.argmax(axis=1)
    found = relevant[np.arange(len(relevant)), first]
    return np.where(found, 1.0 / (first + 1.0), 0.0)


def precision(grades: Grades, *, cutoff: int, rel: int = 1) -> Values:
    """P@k: relevant results among the first k, divided by k even when fewer were returned.

    van Rijsbergen 1979, "Information Retrieval", chapter 7.
    """
    return np.asarray(np.count_nonzero(grades[:, :cutoff] >= rel, axis=1) / cutoff, dtype=np.float64)


def recall(grades: Grades, counts: GradeCounts, *, cutoff: int | None = None, rel: int = 1) -> Values:
    """R@k: relevant results among the first k, divided by all images relevant to the query.

    van Rijsbergen 1979, "Information Retrieval", chapter 7. This is not the "Recall@k" of metric-learning papers, which
    is 1 as soon as one of the first k is relevant.
    """
    found = np.count_nonzero(grades[:, :cutoff] >= rel, axis=1)
    return _share(found.astype(np.float64), relevant_counts(counts, rel=rel).astype(np.float64))


def average_precision(grades: Grades, counts: GradeCounts, *, cutoff: int | None = None, rel: int = 1) -> Values:
    """AP = (1 / relevant) * sum over ranks i of the relevant results of P@i. Its mean is mAP.

    The denominator is every image relevant to the query, found or not, also under a cutoff (trec_eval's `map_cut`), so
    that a short result list cannot look good. Buckley and Voorhees 2000, "Evaluating evaluation measure stability".
    """
    queries, columns = np.nonzero(grades[:, :cutoff] >= rel)
    found = np.bincount(queries, minlength=len(grades))
    # `nonzero` walks row by row: the n-th hit of a query is its place in the list less where that query's hits begin.
    begins = np.cumsum(found) - found
    nth = np.arange(1, len(queries) + 1) - begins[queries]
    sums = np.bincount(queries, weights=nth / (columns + 1.0), minlength=len(grades))
    return _share(sums.astype(np.float64), relevant_counts(counts, rel=rel).astype(np.float64))


def dcg(grades: Grades, *, cutoff: int | None = None, gain: Gain = linear_gain) -> Values:
    """DCG@k = sum over i <= k of gain(grade_i) / log2(i + 1).

    Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20(4), with the discount
    of Burges et al. 2005 that applies from the second rank on. Grades 0, 5, 1, 4, 2 give 6.151.
    """
    shown = grades[:, :cutoff]
    queries, columns = np.nonzero(shown > 0)
    gains = gain(shown[queries, columns].astype(np.float64)) * _discounts(shown.shape[1])[columns]
    # Added up in order of rank, so that a value depends neither on how far the row is padded nor on a BLAS's threads.
    return np.bincount(queries, weights=gains, minlength=len(shown)).astype(np.float64)


def ideal_dcg(counts: GradeCounts, *, cutoff: int | None = None, gain: Gain = linear_gain) -> Values:
    """The largest DCG@k any ranking of the query's judged images can have: they in descending order of grade.

    Equal grades stand beside each other, so each grade adds its gain times a run of discounts. That needs the counts
    only, not the sorted lists. Judged grades 0, 5, 1, 4, 2 give 8.954.
    """
    # [queries, 7]: images with this grade or more, from 0 for "more than 5" to all of them.
    at_least = np.concatenate([np.zeros((len(counts), 1), np.int64), np.cumsum(counts[:, ::-1], axis=1)], axis=1)
    if cutoff is not None:
        at_least = np.minimum(at_least, cutoff)
    deepest = int(at_least.max(initial=0))
    cumulative = np.concatenate([[0.0], np.cumsum(_discounts(deepest))])
    descending_gains = gain(np.arange(MAX_GRADE, -1, -1, dtype=np.float64))
    return np.asarray((np.diff(cumulative[at_least], axis=1) * descending_gains).sum(axis=1), dtype=np.float64)


def ndcg(grades: Grades, counts: GradeCounts, *, cutoff: int | None = None) -> Values:
    """NDCG@k with linear gain: DCG@k / ideal DCG@k. Grades 0, 5, 1, 4, 2 give 0.6869.

    Järvelin and Kekäläinen 2002; the same numbers as trec_eval's `ndcg` and `ndcg_cut`.
    """
    return _share(dcg(grades, cutoff=cutoff), ideal_dcg(counts, cutoff=cutoff))


def ndcg_exponential(grades: Grades, counts: GradeCounts, *, cutoff: int | None = None) -> Values:
    """NDCG@k with gain 2^grade - 1, under a name of its own because its values are not those of `ndcg`.

    Burges et al. 2005, "Learning to rank using gradient descent". For grades 0 and 1 only, both are the same.
    """
    best = ideal_dcg(counts, cutoff=cutoff, gain=exponential_gain)
    return _share(dcg(grades, cutoff=cutoff, gain=exponential_gain), best)


def judged(grades: Grades, *, cutoff: int | None = None) -> Values:
    """Judged@k: the share of the first k results, as far as there are that many, that somebody judged.

    NaN for a query without results. Low values say that the other measures cannot be trusted: what nobody judged counts
    as not relevant. Sakai and Kando 2008, "On information retrieval metrics designed for evaluation with incomplete
    relevance assessments".
    """
    shown = grades[:, :cutoff]
    returned = np.count_nonzero(shown != ABSENT, axis=1)
    return _share(np.count_nonzero(shown >= 0, axis=1).astype(np.float64), returned.astype(np.float64))


def _discounts(depth: int) -> NDArray[np.float64]:
    """1 / log2(i + 1) for ranks 1 to `depth`, [depth] float64."""
    return np.asarray(1.0 / np.log2(np.arange(2, depth + 2, dtype=np.float64)), dtype=np.float64)


def _share(parts: NDArray[np.float64], wholes: NDArray[np.float64]) -> Values:
    """`parts / wholes`, NaN where there is nothing to share."""
    shares = np.full(len(wholes), np.nan)
    np.divide(parts, wholes, out=shares, where=wholes > 0)
    return shares
