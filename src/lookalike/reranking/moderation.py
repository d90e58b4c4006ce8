"""Images that a classifier is too sure about are not shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lookalike.reranking.candidate import Candidates, RankingQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class ModerationThreshold:
    """Drop candidates with a score above a threshold. Nothing stores scores yet: whoever does passes `scores_of`.

    Attributes:
        most: the greatest score that is shown, 0 to 1.
        scores_of: looks up scores by the ids of images; images without one are shown.
    """

    most: float
    scores_of: Callable[[Sequence[str]], Mapping[str, float]]

    def __call__(self, query: RankingQuery, candidates: Candidates) -> Candidates:  # noqa: ARG002
        """Return the others in their order."""
        scores = self.scores_of(candidates.image_ids)
        kept = [place for place, one in enumerate(candidates.image_ids) if scores.get(one, 0.0) <= self.most]
        return candidates if len(kept) == len(candidates) else candidates.take(kept)
