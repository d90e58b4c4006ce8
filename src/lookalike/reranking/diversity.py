"""Maximal marginal relevance: hits that do not all show the same."""

from dataclasses import dataclass

import numpy as np

from lookalike.reranking.best import REORDERED_HITS, reordered
from lookalike.reranking.candidate import Candidates, RankingQuery

_DECIMALS = 6  # vectors are float32: what differs in the seventh is equal


@dataclass(frozen=True, slots=True, kw_only=True)
class Diversify:
    """Order the best candidates by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).

    Each next hit is the candidate with the greatest `relevance * c - (1 - relevance) * m`, where `c` is its cosine to
    the query and `m` its greatest cosine to a hit before it; of equal ones the nearer to the query comes first.

    Attributes:
        relevance: 1 keeps the order; the less, the more the hits differ from each other.
        depth: how many of the best candidates may change places.
    """

    relevance: float = 0.7
    depth: int = REORDERED_HITS

    def __call__(self, query: RankingQuery, candidates: Candidates) -> Candidates:  # noqa: ARG002
        """Return all candidates."""
        count = min(self.depth, len(candidates))
        vectors = candidates.vectors[:count].astype(np.float64)
        gain = self.relevance * candidates.cosines[:count]
        nearest = np.zeros(count)
        order: list[int] = []
        left = np.ones(count, bool)
        for _ in range(count):
            worth = np.where(left, gain - (1 - self.relevance) * nearest, -np.inf)
            place = int(np.argmax(np.round(worth, _DECIMALS)))
            alike = vectors @ vectors[place]
            nearest = alike if not order else np.maximum(nearest, alike)
            order.append(place)
            left[place] = False
        return candidates if order == list(range(count)) else reordered(candidates, order)
