"""Images that come first, or last, where they are among the best candidates."""

from dataclasses import dataclass

from lookalike.reranking.best import REORDERED_HITS, reordered
from lookalike.reranking.candidate import Candidates, RankingQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class PinAndBury:
    """Move pinned images before, and buried ones behind, the rest of the best candidates. It adds no image.

    Attributes:
        pinned: ids, the first one first.
        buried: ids; they keep their order among themselves.
        depth: how many of the best candidates may change places.
    """

    pinned: tuple[str, ...] = ()
    buried: frozenset[str] = frozenset()
    depth: int = REORDERED_HITS

    def __call__(self, query: RankingQuery, candidates: Candidates) -> Candidates:  # noqa: ARG002
        """Return all candidates."""
        best = candidates.image_ids[: self.depth]
        ranks = {image_id: rank for rank, image_id in enumerate(self.pinned)}
        if not any(one in ranks or one in self.buried for one in best):
            return candidates
        usual = len(ranks)
        keys = [ranks.get(one, usual + (one in self.buried)) for one in best]
        return reordered(candidates, sorted(range(len(best)), key=lambda place: (keys[place], place)))
