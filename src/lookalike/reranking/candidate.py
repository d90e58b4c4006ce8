"""What re-rankers work on, and the one loop that applies them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Candidate(NamedTuple):  # not a dataclass: each query makes 300, and a frozen one takes four times as long
    """An image on its way to becoming a hit.

    Attributes:
        image_id: of the image.
        cosine: similarity to the query, -1 to 1.
        vector: [dimension] float32, unit length.
        difference_hash: the image's 64-bit dHash.
        duplicates: ids of images that look the same and stand behind this one.
    """

    image_id: str
    cosine: float
    vector: NDArray[np.float32]
    difference_hash: int
    duplicates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingQuery:
    """What re-rankers may know of a query. Deliberately not who asks: results are the same for everybody.

    Attributes:
        image_id: the indexed image that was selected, if one was.
        include_self: whether that image may be among its own hits.
    """

    image_id: str | None
    include_self: bool


class ReRanker(Protocol):
    """One step: `(query, candidates) -> candidates`, pure and deterministic."""

    def __call__(self, query: RankingQuery, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Return the candidates to go on with, best first."""


def rerank(
    query: RankingQuery, candidates: Sequence[Candidate], rerankers: Iterable[ReRanker]
) -> tuple[Candidate, ...]:
    """Apply every re-ranker in turn."""
    for reranker in rerankers:
        candidates = reranker(query, candidates)
    return tuple(candidates)
