"""Neighbours re-ranked for a query: what searching shows page by page, and what measuring looks at whole."""

from collections.abc import Sequence
from dataclasses import dataclass

from lookalike.reranking import Candidates, CollapseDuplicates, ReRanker, rerank
from lookalike.retrieval.live import Live
from lookalike.retrieval.query_encoder import EncodedQuery
from lookalike.retrieval.stopwatch import Stopwatch
from lookalike.retrieval.view import View

FIRST_HITS = 100
"""How many hits are ranked, where there are as many, before the first page is shown."""

MANY_HITS = 300
"""How many are ranked where more than a page counts: for facets, by exact search, by an experiment's other model."""

MOST_NEIGHBORS = 10_000
"""How many neighbours are looked at, however far a query is paged."""

_SPARE = 8  # one more neighbour for so many wanted: most libraries have a few near-duplicates
_MOST_REPEATED = 0.75  # four times as many are looked at: where a few images have many copies, most queries need fewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Everything a query can be paged through as yet.

    Attributes:
        candidates: best first.
        neighbors: how many were looked at; with near-duplicates behind them, more than there are candidates.
        query: as a vector.
        live: the model and the view that answered.
        milliseconds: by stage: decode, embed, search, rerank.
    """

    candidates: Candidates
    neighbors: int
    query: EncodedQuery
    live: Live
    milliseconds: dict[str, float]

    @property
    def image_ids(self) -> tuple[str, ...]:
        """Best first, each followed by the images that stand behind it."""
        return with_duplicates(self.candidates)


def ranked(
    query: EncodedQuery,
    live: Live,
    rerankers: Sequence[ReRanker],
    *,
    wanted: int,
    clock: Stopwatch | None = None,
) -> Ranking:
    """The nearest images after every re-ranker, at least `wanted` where there are as many.

    Re-rankers leave fewer candidates than they are given, for instance one of a burst of photos. So some more are
    looked at than wanted, in proportion to the share of near-duplicates in the library, and if that was not enough
    twice as many, again and again, until there are enough, or `MOST_NEIGHBORS`, or all there are.

    Args:
        query: as a vector of the live model.
        live: what can be found.
        rerankers: in order. None may put what it is given later before what it is given earlier, but among the first
            `VERIFIED_HITS`, which are the same however many more are looked at.
        wanted: candidates.
        clock: is told how long the stages search and rerank take.
    """
    clock = clock or Stopwatch()
    searched = live.view.searched(query.vector, query.crop)
    reachable = min(live.view.size, MOST_NEIGHBORS)
    depth = max(min(_first_depth(wanted, live.view, rerankers) + (not query.about.include_self), reachable), 1)
    while True:
        with clock("search"):
            nearest = live.view.nearest(searched, depth)
        with clock("rerank"):
            candidates = rerank(query.about, nearest, rerankers)
        if len(candidates) >= wanted or depth >= reachable:
            return Ranking(
                candidates=candidates,
                neighbors=depth,
                query=query,
                live=live,
                milliseconds=clock.milliseconds,
            )
        depth = min(2 * depth, reachable)


def _first_depth(wanted: int, view: View, rerankers: Sequence[ReRanker]) -> int:
    """How many neighbours are probably enough: a second look costs as much as the first one, and more."""
    depth = wanted + wanted // _SPARE
    if not any(isinstance(one, CollapseDuplicates) for one in rerankers):
        return depth
    return round(depth / (1 - min(view.repeated, _MOST_REPEATED)))


def with_duplicates(candidates: Candidates) -> tuple[str, ...]:
    """Ids of candidates, each followed by the images that stand behind it: they are reported there, not lost."""
    behind = candidates.duplicates
    return tuple(image_id for one in candidates.image_ids for image_id in (one, *behind.get(one, ())))
