"""Neighbours re-ranked for a query: what searching shows page by page, and what measuring looks at whole."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.reranking import Candidates, RankingQuery, ReRanker, rerank
from lookalike.retrieval.stopwatch import Stopwatch
from lookalike.retrieval.view import View

FROZEN_HITS = 300
"""How many hits are ranked, where there are as many, before the first page is shown."""

MOST_NEIGHBORS = 10_000
"""How many neighbours are looked at, however far a query is paged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Everything a query can be paged through as yet.

    Attributes:
        candidates: best first.
        neighbors: how many were looked at; with near-duplicates behind them, more than there are candidates.
        vector: of the query, [dimension] float32, unit length.
        generation: as in answers.
        milliseconds: by stage: decode, embed, search, rerank.
    """

    candidates: Candidates
    neighbors: int
    vector: NDArray[np.float32]
    generation: str
    milliseconds: dict[str, float]

    @property
    def image_ids(self) -> tuple[str, ...]:
        """Best first, each followed by the images that stand behind it."""
        return with_duplicates(self.candidates)


def ranked(
    about: RankingQuery,
    vector: NDArray[np.float32],
    view: View,
    rerankers: Iterable[ReRanker],
    *,
    wanted: int = FROZEN_HITS,
    clock: Stopwatch | None = None,
) -> Ranking:
    """The nearest images after every re-ranker, at least `wanted` where there are as many.

    Re-rankers leave fewer candidates than they are given, for instance one of a burst of photos. Then twice as many
    neighbours are looked at, again and again, until there are enough, or `MOST_NEIGHBORS`, or all there are.

    Args:
        about: what re-rankers may know of the query.
        vector: of the query, [dimension] float32.
        view: what can be found.
        rerankers: in order. None may put what it is given later before what it is given earlier.
        wanted: candidates.
        clock: is told how long the stages search and rerank take.
    """
    clock = clock or Stopwatch()
    reachable = min(view.size, MOST_NEIGHBORS)
    depth = max(min(wanted if about.include_self else wanted + 1, reachable), 1)
    while True:
        with clock("search"):
            nearest = view.nearest(vector, depth)
        with clock("rerank"):
            candidates = rerank(about, nearest, rerankers)
        if len(candidates) >= wanted or depth >= reachable:
            return Ranking(
                candidates=candidates,
                neighbors=depth,
                vector=vector,
                generation=view.generation,
                milliseconds=clock.milliseconds,
            )
        depth = min(2 * depth, reachable)


def with_duplicates(candidates: Candidates) -> tuple[str, ...]:
    """Ids of candidates, each followed by the images that stand behind it: they are reported there, not lost."""
    behind = candidates.duplicates
    return tuple(image_id for one in candidates.image_ids for image_id in (one, *behind.get(one, ())))
