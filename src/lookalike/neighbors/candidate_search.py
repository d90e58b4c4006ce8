"""The query parameters of everything that proposes candidates and compares these by their stored vectors."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateSearch:
    """How many candidates are proposed; may change at any time.

    Attributes:
        candidates: rows compared by their stored vectors, at least.
        candidates_per_neighbor: the same, for each neighbour asked for.
    """

    candidates: int
    candidates_per_neighbor: int

    def candidates_for(self, k: int) -> int:
        """Rows compared by their stored vectors when k are asked for."""
        return max(self.candidates, k * self.candidates_per_neighbor)


def candidate_steps(counts: Sequence[int], size: int) -> list[dict[str, int]]:
    """Parameters for those numbers of candidates that are below the number of rows, and for all: least effort first."""
    steps = [*(count for count in counts if count < size), max(size, 1)]
    return [{"candidates": count, "candidates_per_neighbor": max(count // 20, 2)} for count in steps]
