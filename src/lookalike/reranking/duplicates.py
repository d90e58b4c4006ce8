"""Images that look the same take one place; the others are reported behind it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.reranking.candidate import Candidate, RankingQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class CollapseDuplicates:
    """Group near-duplicates under their best-ranked image.

    Two images are near-duplicates when two independent witnesses agree: their 64-bit difference hashes (dHash, Krawetz
    2013) differ in at most `most_bits` bits, and their vectors' cosine is at least `least_cosine`. The hash alone
    takes flat pictures for each other; the vector alone takes two photos of one product for each other.
    Every member of a group is a near-duplicate of its representative, so groups do not grow by chains.
    """

    most_bits: int = 6
    least_cosine: float = 0.93

    def __call__(self, query: RankingQuery, candidates: Sequence[Candidate]) -> Sequence[Candidate]:  # noqa: ARG002
        """Return the representatives, each with the ids of its near-duplicates."""
        standing_for: dict[int, list[int]] = {}
        grouped: set[int] = set()
        for best, other in self._alike(candidates):
            if best not in grouped and other not in grouped:
                standing_for.setdefault(best, []).append(other)
                grouped.add(other)
        return [
            _representative(candidates, place, standing_for.get(place, []))
            for place in range(len(candidates))
            if place not in grouped
        ]

    def _alike(self, candidates: Sequence[Candidate]) -> list[tuple[int, int]]:
        """Pairs (better, worse) of places that both witnesses call the same, in rank order."""
        hashes = np.array([candidate.difference_hash for candidate in candidates], dtype=np.uint64)
        similar = np.bitwise_count(hashes[:, None] ^ hashes) <= self.most_bits
        better, worse = np.divmod(np.flatnonzero(similar), max(len(candidates), 1))
        better, worse = better[better < worse], worse[better < worse]
        if not len(better):
            return []
        first, second = (_vectors(candidates, places) for places in (better, worse))
        near = np.sum(first * second, axis=1) >= self.least_cosine
        return list(zip(better[near].tolist(), worse[near].tolist(), strict=True))


def _vectors(candidates: Sequence[Candidate], places: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.array([candidates[place].vector for place in places.tolist()], dtype=np.float64)


def _representative(candidates: Sequence[Candidate], place: int, behind: Sequence[int]) -> Candidate:
    if not behind:
        return candidates[place]
    ids = [image_id for other in behind for image_id in (candidates[other].image_id, *candidates[other].duplicates)]
    return candidates[place]._replace(duplicates=(*candidates[place].duplicates, *ids))
