"""Agreement with people: of triplets ("A is more like R than B is") and of rankings.

A triplet is a row (reference, closer, farther) of row numbers into a table of vectors: [triplets, 3] int64.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.errors import EvaluationRefused
from lookalike.types import Vectors

TripletRows: TypeAlias = NDArray[np.int64]
"""(reference, closer, farther) as rows of a table of vectors, [triplets, 3] int64."""

_BLOCK = 16_384
_FEWEST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TripletAgreement:
    """How often a system agrees with people.

    Attributes:
        accuracy: weighted share of triplets whose closer image is closer for the system too; a tie counts half.
            Guessing gives 0.5.
        triplets: how many there were.
        ties: how many the system could not tell apart.
    """

    accuracy: float
    triplets: int
    ties: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """What people said of many triplets, by majority.

    Attributes:
        triplets: [triplets, 3] int64, the majority's closer image in the middle column; undecided ones are left out.
        weights: [triplets] float64, votes for the majority less votes against.
        tied: triplets left out because the votes were even.
        ceiling: the share of single votes that agree with the majority, over the triplets kept: what one person, asked
            once, would reach. A system that comes near it leaves nothing to measure.
    """

    triplets: TripletRows
    weights: NDArray[np.float64]
    tied: int
    ceiling: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RankAgreement:
    """Rank correlation of people's and a system's similarities, averaged over queries.

    Attributes:
        kendall: mean tau-b; NaN when undefined for every query.
        spearman: mean rho; NaN likewise.
        queries: in the means.
        undefined: queries left out: fewer than two images, or all of one value on either side.
    """

    kendall: float
    spearman: float
    queries: int
    undefined: int


def triplet_accuracy(
    closer: ArrayLike, farther: ArrayLike, *, weights: ArrayLike | None = None, tolerance: float = 0.0
) -> TripletAgreement:
    """Share of triplets a system orders as people do.

    Args:
        closer: [triplets], the system's similarity of the reference to the image people found closer.
        farther: [triplets], to the other one.
        weights: [triplets], at least 0; all the same when None.
        tolerance: differences up to this are ties.

    Raises:
        EvaluationRefused: there are none, a similarity is NaN, or the weights are negative or sum to 0.
        ValueError: the lengths differ.
    """
    near, far = np.asarray(closer, dtype=np.float64), np.asarray(farther, dtype=np.float64)
    weight = np.ones(len(near)) if weights is None else np.asarray(weights, dtype=np.float64)
    if not near.shape == far.shape == weight.shape:
        raise ValueError(f"one value a triplet is needed, not shapes {near.shape}, {far.shape}, {weight.shape}")
    if not len(near):
        raise EvaluationRefused("there are no triplets")
    differences = near - far
    if np.isnan(differences).any() or not (np.isfinite(weight).all() and weight.min() >= 0 and weight.sum() > 0):
        raise EvaluationRefused("triplets: similarities must be numbers, weights 0 or more and not all 0")
    ties = np.abs(differences) <= tolerance
    right = np.where(ties, 0.5, differences > 0)
    return TripletAgreement(
        accuracy=float(right @ weight / weight.sum()), triplets=len(near), ties=int(np.count_nonzero(ties))
    )


def vector_triplet_accuracy(
    vectors: Vectors, triplets: TripletRows, *, weights: ArrayLike | None = None
) -> TripletAgreement:
    """Triplet accuracy of a model by the cosines of its vectors.

    Args:
        vectors: [images, dimension] float32, unit rows.
        triplets: [triplets, 3] int64.
        weights: as for `triplet_accuracy`.

    Raises:
        EvaluationRefused: as for `triplet_accuracy`, and for a row number that is not a row.
    """
    _check_rows(triplets, len(vectors))
    similarities = np.empty((len(triplets), 2))
    for start in range(0, len(triplets), _BLOCK):
        block = triplets[start : start + _BLOCK]
        reference, others = vectors[block[:, 0]], vectors[block[:, 1:]]
        similarities[start : start + _BLOCK] = np.einsum("td,tod->to", reference, others, dtype=np.float64)
    return triplet_accuracy(similarities[:, 0], similarities[:, 1], weights=weights)


def majority(triplets: TripletRows, votes: ArrayLike) -> Votes:
    """Triplets on which several people voted, in the order most of them chose.

    Args:
        triplets: [triplets, 3] int64: reference and the two images to choose from, in any order.
        votes: [triplets, 2] whole numbers: for the first and for the second of the two.

    Raises:
        EvaluationRefused: a count is negative, or every vote is tied.
        ValueError: the shapes do not fit.
    """
    counts = np.asarray(votes, dtype=np.float64)
    if triplets.shape != (len(counts), 3) or counts.shape != (len(counts), 2):
        raise ValueError(f"[n, 3] triplets and [n, 2] votes are needed, not {triplets.shape} and {counts.shape}")
    if (counts < 0).any():
        raise EvaluationRefused("triplets: a number of votes is negative")
    decided = counts[:, 0] != counts[:, 1]
    if not decided.any():
        raise EvaluationRefused("triplets: the votes are tied on every one of them")
    kept, won = triplets[decided], counts[decided]
    swapped = won[:, 1] > won[:, 0]
    return Votes(
        triplets=np.where(swapped[:, None], kept[:, [0, 2, 1]], kept),
        weights=np.abs(won[:, 0] - won[:, 1]),
        tied=int(np.count_nonzero(~decided)),
        ceiling=float(won.max(axis=1).sum() / won.sum()),
    )


def kendall_tau_b(first: ArrayLike, second: ArrayLike) -> float:
    """Kendall's rank correlation, corrected for ties: -1 to 1; NaN when one side has a single value or none.

    tau_b = (concordant - discordant) / sqrt((pairs - pairs tied in first) (pairs - pairs tied in second)). Kendall
    1945, "The treatment of ties in ranking problems"; counted in O(n log^2 n) after Knight 1966.

    Args:
        first: [values], no NaN.
        second: [values], no NaN.

    Raises:
        EvaluationRefused: a value is NaN.
        ValueError: the lengths differ.
    """
    x, y = _dense_ranks(first, second)
    pairs = len(x) * (len(x) - 1) // 2
    tied_x, tied_y, tied_both = _tied_pairs(x), _tied_pairs(y), _tied_pairs(x * (len(x) + 1) + y)
    scale = math.sqrt(pairs - tied_x) * math.sqrt(pairs - tied_y)
    if scale == 0:
        return math.nan
    discordant = _inversions(y[np.lexsort((y, x))])
    concordant = pairs - tied_x - tied_y + tied_both - discordant
    return min(1.0, max(-1.0, (concordant - discordant) / scale))


def spearman_rho(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman's rank correlation: Pearson's, of the ranks, tied values sharing their mean rank. NaN as for Kendall's.

    Spearman 1904, "The proof and measurement of association between two things".

    Args:
        first: [values], no NaN.
        second: [values], no NaN.

    Raises:
        EvaluationRefused: a value is NaN.
        ValueError: the lengths differ.
    """
    x, y = (_mean_ranks(ranks) for ranks in _dense_ranks(first, second))
    x, y = x - x.mean() if len(x) else x, y - y.mean() if len(y) else y
    scale = math.sqrt(float(x @ x)) * math.sqrt(float(y @ y))
    return min(1.0, max(-1.0, float(x @ y) / scale)) if scale > 0 else math.nan


def rank_agreement(queries: ArrayLike, human: ArrayLike, system: ArrayLike) -> RankAgreement:
    """Rank correlation within each query, averaged over queries.

    Args:
        queries: [pairs], which query a pair belongs to, in any order: numbers or names.
        human: [pairs], how alike people find the pair: grades, or shares of comparisons won.
        system: [pairs], how alike the system finds it: cosines.

    Raises:
        EvaluationRefused: there is no pair, or a value is NaN.
        ValueError: the lengths differ.
    """
    names, people, machine = np.asarray(queries), np.asarray(human), np.asarray(system)
    if not names.shape == people.shape == machine.shape:
        raise ValueError(f"one value a pair is needed, not {names.shape}, {people.shape}, {machine.shape}")
    if not len(names):
        raise EvaluationRefused("there is no pair to compare")
    order = np.argsort(names, kind="stable")
    starts = np.flatnonzero(names[order][1:] != names[order][:-1]) + 1
    groups = np.split(order, starts)

    def values(correlate: Callable[[ArrayLike, ArrayLike], float]) -> NDArray[np.float64]:
        each = np.array([correlate(people[group], machine[group]) for group in groups])
        return np.asarray(each[~np.isnan(each)], dtype=np.float64)

    kendall, spearman = values(kendall_tau_b), values(spearman_rho)
    return RankAgreement(
        kendall=float(kendall.mean()) if len(kendall) else math.nan,
        spearman=float(spearman.mean()) if len(spearman) else math.nan,
        queries=len(kendall),
        undefined=len(groups) - len(kendall),
    )


def _check_rows(triplets: TripletRows, images: int) -> None:
    if triplets.ndim != 2 or triplets.shape[1] != 3:  # noqa: PLR2004  a triplet
        raise ValueError(f"triplets must be [n, 3], not {triplets.shape}")
    if len(triplets) and not (triplets.min() >= 0 and triplets.max() < images):
        raise EvaluationRefused(f"triplets: a row is not among the {images} vectors")


def _dense_ranks(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both as whole numbers of the same order, equal where the values are equal."""
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"two lists of one length are needed, not of shapes {x.shape} and {y.shape}")
    if np.isnan(x).any() or np.isnan(y).any():
        raise EvaluationRefused("rank correlation: a value is not a number (NaN)")
    ranks = (np.unique(values, return_inverse=True)[1].astype(np.int64) for values in (x, y))
    return next(ranks), next(ranks)


def _mean_ranks(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Ranks from 1, tied values sharing the mean of theirs."""
    sizes = np.bincount(ranks)
    ends = np.cumsum(sizes)
    return np.asarray((ends - (sizes - 1) / 2)[ranks], dtype=np.float64)


def _tied_pairs(ranks: NDArray[np.int64]) -> int:
    sizes = np.unique(ranks, return_counts=True)[1]
    return int((sizes * (sizes - 1) // 2).sum())


def _inversions(values: NDArray[np.int64]) -> int:
    """Pairs i < j with values[i] > values[j]: a merge sort from the bottom, each level one sort of whole numbers.

    Args:
        values: [n] whole numbers of 0 to n - 1.
    """
    count = len(values)
    places = np.arange(count, dtype=np.int64)
    total = 0
    width = 1
    while width < count:
        blocks = places // (2 * width)
        order = np.argsort(blocks * count + values, kind="stable")
        left = (places[order] // width) % 2 == 0
        # In a block in ascending order, a right-half value is inverted with every left-half value still to come.
        lefts = np.cumsum(left)
        lefts_in_block_end = np.bincount(blocks, weights=(places // width) % 2 == 0).astype(np.int64).cumsum()
        total += int((lefts_in_block_end[blocks[order]] - lefts)[~left].sum())
        width *= 2
    return total
