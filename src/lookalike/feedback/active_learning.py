"""Which pairs of a query and an image to grade next, so that few grades teach much."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import CallerError

STRATEGIES = ("uncertainty", "disagreement", "coverage", "random", "estimate")
EXPLORATION = 0.1
"""Share of pairs that are drawn at random whatever the strategy, so that nothing is never looked at."""

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class PairPool:
    """Pairs that could be graded.

    Attributes:
        queries: [pairs] int64, the number of the query.
        images: [pairs] int64, the number of the image; near-duplicates have the same.
        ranks: [pairs] int64, from 1, by the model that answers.
        cosines: [pairs] of that model.
        other_ranks: [pairs] int64, by another model, from 1; None without one.
        vectors: [pairs, dimension] what describes a pair, such as the product of both vectors; None if not needed.
        graded: [pairs], pairs that have a grade.
    """

    queries: Whole
    images: Whole
    ranks: Whole
    cosines: Numbers
    graded: NDArray[np.bool_]
    other_ranks: Whole | None = None
    vectors: NDArray[np.float32] | None = None


def choose(
    pool: PairPool, strategy: str, count: int, rng: np.random.Generator, *, exploration: float = EXPLORATION
) -> Whole:
    """Numbers of the pairs to grade next, the most telling first.

    No query gets more than its even share, rounded up, or twice that for strategies that prefer some pairs to others.
    Of near-duplicates of one image a query gets one.

    Args:
        pool: what could be graded.
        strategy: `uncertainty` takes pairs whose cosine differs little from that of the ranks beside it, where a swap
            would matter; `disagreement` those that two models rank most differently; `coverage` those least like the
            pairs that are graded (core-set; Sener and Savarese 2018); `random` any; `estimate` hits at rank r with a
            probability that falls with the discount of nDCG, for `evaluate --estimate`.
        count: pairs wanted.
        rng: of random choices.
        exploration: share drawn at random besides, for all strategies but the last two.

    Raises:
        CallerError: the strategy is unknown, or the pool lacks what it needs.
    """
    if strategy not in STRATEGIES:
        raise CallerError(f"--strategy {strategy}: choose one of {', '.join(STRATEGIES)}")
    order = _orders(pool, strategy, count, rng)
    share = math.ceil(count / max(len(np.unique(pool.queries)), 1))
    if strategy in {"random", "estimate"}:
        return _spread(pool, order.tolist(), count, most=share, start=[])
    told = _spread(pool, order.tolist(), count - math.floor(count * exploration), most=2 * share, start=[])
    rest = rng.permutation(len(pool.queries)).tolist()
    return _spread(pool, rest, count, most=2 * share, start=told.tolist())


def _orders(pool: PairPool, strategy: str, count: int, rng: np.random.Generator) -> Whole:
    """All pairs, those first that the strategy prefers."""
    if strategy == "random":
        return rng.permutation(len(pool.queries))
    if strategy == "estimate":  # Efraimidis and Spirakis 2006: a weighted sample without replacement
        keys = rng.random(len(pool.ranks)) ** np.log2(pool.ranks + 1.0)
        return np.argsort(-keys, kind="stable")
    if strategy == "uncertainty":
        return np.argsort(-_uncertainty(pool), kind="stable")
    if strategy == "disagreement":
        if pool.other_ranks is None:
            raise CallerError("--strategy disagreement: compares two models: name the other one with --model")
        apart = np.abs(1 / np.log2(pool.ranks + 1.0) - 1 / np.log2(pool.other_ranks + 1.0))
        return np.argsort(-apart, kind="stable")
    if pool.vectors is None:
        raise CallerError("--strategy coverage: needs the vectors of the pairs")
    return _core_set(pool, count, rng)


def _uncertainty(pool: PairPool) -> Numbers:
    """How much a swap with the rank beside it would matter, times how near that rank is in cosine."""
    order = np.lexsort((pool.ranks, pool.queries))
    query, cosine = pool.queries[order], pool.cosines[order]
    gap = np.full(len(order), np.inf)
    same = query[1:] == query[:-1]
    steps = np.where(same, np.abs(np.diff(cosine)), np.inf)
    gap[1:] = steps
    gap[:-1] = np.minimum(gap[:-1], steps)
    known = gap[np.isfinite(gap)]
    scale = float(np.median(known)) if len(known) else 1.0
    found = np.zeros(len(order))
    found[order] = np.exp(-gap / max(scale, 1e-9)) / np.log2(pool.ranks[order] + 1.0)
    return found


def _core_set(pool: PairPool, count: int, rng: np.random.Generator) -> Whole:
    """Greedy k-centre: again and again the pair that is farthest from all that are graded or chosen."""
    vectors = np.asarray(pool.vectors, dtype=np.float32)
    lengths = (vectors**2).sum(axis=1)
    nearest = np.full(len(vectors), np.inf, dtype=np.float32)

    def seen(place: int) -> None:
        np.minimum(nearest, lengths + lengths[place] - 2 * vectors @ vectors[place], out=nearest)

    start = np.flatnonzero(pool.graded)
    for place in rng.permutation(start)[:_MOST_CENTRES].tolist():
        seen(place)
    chosen: list[int] = []
    for _ in range(min(2 * count, len(vectors))):  # some of them are left out for others of their query
        place = int(np.argmax(np.where(np.isinf(nearest), rng.random(len(nearest)) + 1e9, nearest)))
        chosen.append(place)
        seen(place)
        nearest[place] = -1
    return np.array(chosen, dtype=np.int64)


_MOST_CENTRES = 2_000  # graded pairs that are compared with


def _spread(pool: PairPool, order: Iterable[int], count: int, *, most: int, start: list[int]) -> Whole:
    """The first pairs of an order, at most `most` of each query and one of near-duplicates, behind `start`."""
    chosen = list(start)
    by_query = Counter(pool.queries[chosen].tolist()) if chosen else Counter()
    taken = {(int(pool.queries[one]), int(pool.images[one])) for one in np.flatnonzero(pool.graded).tolist()}
    taken |= {(int(pool.queries[one]), int(pool.images[one])) for one in chosen}
    for place in order:
        if len(chosen) >= count:
            break
        pair = int(pool.queries[place]), int(pool.images[place])
        if pair in taken or by_query[pair[0]] >= most:
            continue
        chosen.append(place)
        taken.add(pair)
        by_query[pair[0]] += 1
    return np.array(chosen, dtype=np.int64)
