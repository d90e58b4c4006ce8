"""Images that a classifier is too sure about are not hits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lookalike.reranking.candidate import Candidates, RankingQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class ModerationThreshold:
    """Drop candidates with a score above a threshold.

    Attributes:
        most: the greatest score of a label that is shown, 0 to 1, by `classifier/label`.
        scores_of: looks up scores by the ids of images, by label; images without one are shown.
    """

    most: Mapping[str, float]
    scores_of: Callable[[Sequence[str]], Mapping[str, Mapping[str, float]]]

    def __call__(self, query: RankingQuery, candidates: Candidates) -> Candidates:  # noqa: ARG002
        """Return the others in their order."""
        scores = self.scores_of(candidates.image_ids)
        kept = [place for place, one in enumerate(candidates.image_ids) if self._shows(scores.get(one, {}))]
        return candidates if len(kept) == len(candidates) else candidates.take(kept)

    def _shows(self, scores: Mapping[str, float]) -> bool:
        return all(scores.get(label, 0.0) <= most for label, most in self.most.items())
