"""Candidates, and the loop that applies re-rankers to them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.columns import ImageRows
from lookalike.keypoints import Keypoints
from lookalike.types import SameThing, Vectors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidates:
    """Images on their way to becoming hits, best first.

    Attributes:
        image_ids: of the images; equal cosines in the order of ids.
        cosines: [n] float64, similarity to the query, -1 to 1, exact for the stored vectors.
        vectors: [n, dimension] float32, unit length.
        columns: [n], what else is kept of each image.
        duplicates: by the id of an image, those of images that look the same and stand behind it.
        same_things: by the id of an image, what verified that it shows the very same thing as the query.
    """

    image_ids: tuple[str, ...]
    cosines: NDArray[np.float64]
    vectors: Vectors
    columns: ImageRows
    duplicates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    same_things: Mapping[str, SameThing] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.image_ids)

    def take(self, places: Sequence[int] | NDArray[np.intp]) -> "Candidates":
        """The candidates at these positions, in this order."""
        rows = np.asarray(places, np.intp)
        return replace(
            self,
            image_ids=tuple([self.image_ids[place] for place in rows.tolist()]),
            cosines=self.cosines.take(rows),
            vectors=self.vectors.take(rows, axis=0),
            columns=self.columns.take(rows),
        )

    def without(self, place: int) -> "Candidates":
        """All but the one at this position. Without the best, nothing is copied."""
        if place:
            return self.take([*range(place), *range(place + 1, len(self))])
        return replace(
            self,
            image_ids=self.image_ids[1:],
            cosines=self.cosines[1:],
            vectors=self.vectors[1:],
            columns=self.columns[1:],
        )

    def first(self, most: int) -> "Candidates":
        """The best `most`."""
        if len(self) <= most:
            return self
        return replace(
            self,
            image_ids=self.image_ids[:most],
            cosines=self.cosines[:most],
            vectors=self.vectors[:most],
            columns=self.columns[:most],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingQuery:
    """The part of a query that re-rankers see. It does not contain the user: results are the same for everybody.

    Attributes:
        image_id: the indexed image that was selected, if one was.
        include_self: whether that image may be among its own hits.
        keypoints: of what was asked with, where hits are to be verified by them.
    """

    image_id: str | None
    include_self: bool
    keypoints: Keypoints | None = None


class ReRanker(Protocol):
    """One step: `(query, candidates) -> candidates`, pure and deterministic."""

    def __call__(self, query: RankingQuery, candidates: Candidates) -> Candidates:
        """Return the candidates to go on with, best first."""


def rerank(query: RankingQuery, candidates: Candidates, rerankers: Iterable[ReRanker]) -> Candidates:
    """Apply every re-ranker in turn."""
    for reranker in rerankers:
        candidates = reranker(query, candidates)
    return candidates
