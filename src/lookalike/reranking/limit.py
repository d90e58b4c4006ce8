"""No more than so many."""

from collections.abc import Sequence
from dataclasses import dataclass

from lookalike.reranking.candidate import Candidate, RankingQuery


@dataclass(frozen=True, slots=True)
class Limit:
    """Keep the best `most` candidates."""

    most: int

    def __call__(self, query: RankingQuery, candidates: Sequence[Candidate]) -> Sequence[Candidate]:  # noqa: ARG002
        """Return the first `most` candidates."""
        return candidates[: self.most]
