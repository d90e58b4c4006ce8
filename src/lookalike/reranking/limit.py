"""A limit on the number of candidates."""

from dataclasses import dataclass

from lookalike.reranking.candidate import Candidates, RankingQuery


@dataclass(frozen=True, slots=True)
class Limit:
    """Keep the best `most` candidates."""

    most: int

    def __call__(self, query: RankingQuery, candidates: Candidates) -> Candidates:  # noqa: ARG002
        """Return the first `most` candidates."""
        return candidates.first(self.most)
