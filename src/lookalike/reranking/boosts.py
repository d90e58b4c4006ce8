"""Tags that move images up or down."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lookalike.reranking.best import REORDERED_HITS, reordered
from lookalike.reranking.candidate import Candidates, RankingQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class BoostTags:
    """Order the best candidates by their cosine plus a weight for each tag that they have; equal ones keep their order.

    Attributes:
        weights: by tag; a weight of .05 is worth as much as .05 in the cosine, and one below 0 moves images down.
        tags_of: looks up tags by the ids of images.
        depth: how many of the best candidates may change places.
    """

    weights: Mapping[str, float]
    tags_of: Callable[[Sequence[str]], Mapping[str, Sequence[str]]]
    depth: int = REORDERED_HITS

    def __call__(self, query: RankingQuery, candidates: Candidates) -> Candidates:  # noqa: ARG002
        """Return all candidates."""
        best = candidates.image_ids[: self.depth]
        tags = self.tags_of(best)
        boosts = [sum(self.weights.get(tag, 0.0) for tag in set(tags.get(one, ()))) for one in best]
        if not any(boosts):
            return candidates
        scores = [cosine + boost for cosine, boost in zip(candidates.cosines.tolist(), boosts, strict=False)]
        return reordered(candidates, sorted(range(len(best)), key=lambda place: (-scores[place], place)))
