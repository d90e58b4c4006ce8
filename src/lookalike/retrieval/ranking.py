"""Neighbours re-ranked for a query: what searching shows page by page, and what measuring looks at whole."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.reranking import Candidate, RankingQuery, ReRanker, rerank
from lookalike.retrieval.query import Query
from lookalike.retrieval.view import Nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Everything a query could be paged through.

    Attributes:
        candidates: best first.
        vector: of the query, [dimension] float32, unit length.
        generation: as in answers.
        milliseconds: by stage: decode, embed, search, rerank.
    """

    candidates: tuple[Candidate, ...]
    vector: NDArray[np.float32]
    generation: str
    milliseconds: dict[str, float]

    @property
    def image_ids(self) -> tuple[str, ...]:
        """Best first, each followed by the images that stand behind it."""
        return with_duplicates(self.candidates)


def reranked(query: Query, nearest: Nearest, rerankers: Iterable[ReRanker]) -> tuple[Candidate, ...]:
    """The neighbours as candidates, after every re-ranker."""
    about = RankingQuery(image_id=query.image_id, include_self=query.with_self)
    hashes = nearest.difference_hashes.tolist()
    candidates = list(map(Candidate, nearest.image_ids, nearest.cosines.tolist(), nearest.vectors, hashes))
    return rerank(about, candidates, rerankers)


def with_duplicates(candidates: Iterable[Candidate]) -> tuple[str, ...]:
    """Ids of candidates, each followed by the images that stand behind it: they are reported there, not lost."""
    return tuple(image_id for one in candidates for image_id in (one.image_id, *one.duplicates))
