"""The one definition of recall: how many of the true nearest an index finds, and how sure a sample makes that.

recall@10 is the share of the ten truly nearest images that an index finds, as a mean over queries. Truly nearest are
those with the highest cosines of the vectors as they are kept, in float16. An image that is itself the query counts
neither as an answer nor as a true neighbour; a row that is as near as the last of the ten, but for the last digits of
float32 sums, is as right; a row that is named twice counts once; where fewer than ten rows may be found, all of them
count. What may be found differs from report to report, so each says it: `Recall.among`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.neighbors import VectorIndex
from lookalike.types import Mask, Rows, Vectors

HalfVectors: TypeAlias = NDArray[np.float16]
"""Unit rows as they are kept, [images, dimension] float16; perhaps mapped from a file."""

NEIGHBORS = 10
SAME_COSINE = 2e-6  # two float32 sums of the same products differ by less
_TWO_SIDED = 0.95
_ROW_BLOCK, _QUERY_BLOCK = 16_384, 512  # of cosines: 32 MB at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """A share of true neighbours found, estimated from a sample of queries.

    Attributes:
        mean: over the queries, 0 to 1.
        standard_error: of the mean, from how much the queries differ.
        queries: in the sample.
        among: what may be found, in words.
    """

    mean: float
    standard_error: float
    queries: int
    among: str = "all images"

    @classmethod
    def of(cls, shares: NDArray[np.float64], *, among: str = "all images") -> "Recall":
        """From each query's share, [queries] float64; no query at all finds everything there is."""
        count = len(shares)
        if count == 0:
            return cls(mean=1.0, standard_error=0.0, queries=0, among=among)
        spread = float(np.std(shares, ddof=1)) if count > 1 else 0.0
        return cls(mean=float(np.mean(shares)), standard_error=spread / math.sqrt(count), queries=count, among=among)

    @property
    def half_width(self) -> float:
        """Of the interval that holds the true mean in 95 of 100 samples (normal approximation)."""
        return NormalDist().inv_cdf(0.5 + _TWO_SIDED / 2) * self.standard_error

    def at_least(self, confidence: float) -> float:
        """The recall that is reached with this confidence (one-sided).

        Where no sampled neighbour was missed the spread says nothing, so never above what the "rule of three" allows:
        nothing missed among n neighbours is compatible with -ln(1 - confidence) / n (Hanley and Lippman-Hand 1983).
        """
        margin = NormalDist().inv_cdf(confidence) * self.standard_error
        least = -math.log(1 - confidence) / max(self.queries * NEIGHBORS, 1)
        return self.mean - max(margin, least)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Queries, and how near the k truly nearest are to each.

    Attributes:
        queries: [queries, dimension] float32 unit rows.
        own: [queries] int64, the row that is the query itself and does not count as its answer; -1 where there is none.
        least: [queries] float32, the cosine of the last of the k nearest.
        k: neighbours that count; fewer than 10 only where there are fewer rows.
    """

    queries: Vectors
    own: Rows
    least: NDArray[np.float32]
    k: int

    @classmethod
    def of(cls, vectors: Vectors | HalfVectors, queries: Vectors, *, own: Rows | None = None) -> "Truth":
        """By exact search.

        Args:
            vectors: [size, dimension] float32 or float16 unit rows; float32 counts as it is kept, rounded to float16.
            queries: [queries, dimension] float32 unit rows.
            own: the rows that the queries are; None when they are none of them.
        """
        reading = TruthInBlocks(queries, np.full(len(queries), -1, dtype=np.int64) if own is None else own)
        for start in range(0, len(vectors), _ROW_BLOCK):
            block = np.asarray(vectors[start : start + _ROW_BLOCK], dtype=np.float32)
            reading.take(np.arange(start, start + len(block)), block)
        return reading.truth()

    @property
    def asked_for(self) -> int:
        """Neighbours to ask an index for: one more where a query may be its own answer."""
        return self.k + int((self.own >= 0).any())

    def shares(
        self, found: Rows, vectors_of: Callable[[Rows], Vectors], *, start: int = 0, tolerance: float = SAME_COSINE
    ) -> NDArray[np.float64]:
        """Each query's share of its k nearest that was found; the module's docstring defines it.

        Args:
            found: [n, asked_for] int64, what an index returned for n queries in a row; -1 for nothing.
            vectors_of: the true vectors of rows, [n, dimension] float32: an index may keep only an estimate of them.
            start: which query the first of them is.
            tolerance: cosines that differ by no more are equal.

        Returns:
            [n] float64, 0 to 1.
        """
        asked = slice(start, start + len(found))
        if self.k == 0:
            return np.ones(len(found))
        found = _each_once(others(found, self.own[asked])[:, : self.k])
        cosines = np.full(found.shape, -np.inf, dtype=np.float32)
        query, place = np.nonzero(found >= 0)
        cosines[query, place] = np.vecdot(_as_kept(vectors_of(found[query, place])), self.queries[asked][query])
        right = np.minimum(cosines, 1) >= self.least[asked, None] - tolerance
        return np.asarray(right.mean(axis=1), dtype=np.float64)

    def recall_of(
        self,
        index: VectorIndex,
        vectors_of: Callable[[Rows], Vectors],
        *,
        allowed: Mask | None = None,
        among: str = "all images",
    ) -> Recall:
        """What an index finds for all the queries.

        Args:
            index: over the same rows.
            vectors_of: as for `shares`.
            allowed: [size] bool, the rows that may be found; None for all. The truth must be that of the same rows.
            among: the same in words.
        """
        if self.k == 0 or not len(self.queries):
            return Recall.of(np.ones(len(self.queries)), among=among)
        found = index.search(self.queries, self.asked_for, allowed=allowed)
        return Recall.of(self.shares(found.rows, vectors_of), among=among)


class TruthInBlocks:
    """Finds the truth in one pass over blocks of vectors.

    Args:
        queries: [queries, dimension] float32 unit rows.
        own: [queries] int64, the row each is; -1 for none.
    """

    def __init__(self, queries: Vectors, own: Rows) -> None:
        self._queries = queries
        self._own = own
        self._rows = 0
        self._best = np.full((len(queries), NEIGHBORS), -np.inf, dtype=np.float32)

    def take(self, rows: Rows, vectors: Vectors) -> None:
        """Look at a block.

        Args:
            rows: [n] int64, ascending, the rows it holds.
            vectors: [n, dimension] float32 unit rows.
        """
        self._rows += len(rows)
        if not len(rows) or not len(self._queries):
            return
        vectors = _as_kept(vectors)
        for start in range(0, len(self._queries), _QUERY_BLOCK):
            asked = slice(start, start + _QUERY_BLOCK)
            cosines = np.minimum(self._queries[asked] @ vectors.T, 1)
            places = np.searchsorted(rows, self._own[asked])
            places[places == len(rows)] = 0
            itself = np.flatnonzero(rows[places] == self._own[asked])
            cosines[itself, places[itself]] = -np.inf
            both = np.concatenate([self._best[asked], cosines], axis=1)
            self._best[asked] = np.partition(both, -NEIGHBORS, axis=1)[:, -NEIGHBORS:]

    def truth(self) -> Truth:
        """Of everything that was looked at."""
        k = _countable(self._rows, self._own)
        best = -np.sort(-self._best, axis=1)
        least = best[:, k - 1] if k else np.full(len(best), -np.inf, dtype=np.float32)
        return Truth(queries=self._queries, own=self._own, least=least, k=k)


def sampled_rows(size: int, count: int, *, seed: int) -> Rows:
    """At most `count` of the rows 0 to size - 1, ascending; the same for the same seed."""
    return np.sort(np.random.default_rng(seed).permutation(size)[:count])


def others(found: Rows, own: Rows) -> Rows:
    """Neighbours without the query itself, [queries, k] int64: those behind it move up, and -1 fills the end."""
    kept = np.where(found == own[:, None], -1, found)
    return np.take_along_axis(kept, np.argsort(kept < 0, axis=1, kind="stable"), axis=1)


def _as_kept(vectors: Vectors) -> Vectors:
    """Vectors as indexes and the catalog keep them: float16 values, as float32."""
    return np.asarray(np.asarray(vectors, dtype=np.float16), dtype=np.float32)


def _each_once(found: Rows) -> Rows:
    """-1 in place of a row that was named before: nothing is found twice."""
    order = np.argsort(found, axis=1, kind="stable")
    ascending = np.take_along_axis(found, order, axis=1)
    ascending[:, 1:][ascending[:, 1:] == ascending[:, :-1]] = -1
    once = np.empty_like(found)
    np.put_along_axis(once, order, ascending, axis=1)
    return once


def _countable(rows: int, own: Rows) -> int:
    return max(min(NEIGHBORS, rows - int((own >= 0).any())), 0)
