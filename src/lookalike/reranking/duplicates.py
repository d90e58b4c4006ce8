"""Images that look the same take one place; the others are reported behind it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lookalike.columns import ImageRow
from lookalike.reranking.candidate import Candidates, RankingQuery
from lookalike.types import Mask

_LUMA = 64  # of a colour signature's numbers
_BLOCK = 512  # hashes compared with all others at a time: 20 MB for 5,000


@dataclass(frozen=True, slots=True, kw_only=True)
class CollapseDuplicates:
    """Group near-duplicates under their best-ranked image.

    Two images are near-duplicates when three witnesses agree: their difference hashes (dHash, Krawetz 2013) differ in
    at most `most_bits` of 64 bits; no cell's mean luma differs by more than `most_luma` levels of 255, nor its mean
    chroma by more than `most_chroma`; and their vectors' cosine is at least `least_cosine`. The hash alone takes a
    product in another colour for the same, the colours another page of the same kind, the vector two photos of one
    product. Vectors of thumbnails move far, so that the last only has to keep out what is quite another picture.

    A flat picture has no shape, so nothing says that two are the same: where the hash is 0, or the mean luma of the
    cells spans less than `least_contrast` levels, or the colours are not known, an image stands for itself.

    Every member of a group is a near-duplicate of its representative, so groups do not grow by chains.
    """

    most_bits: int = 8
    most_luma: int = 12
    most_chroma: int = 5
    least_cosine: float = 0.4
    least_contrast: int = 8

    def __call__(self, query: RankingQuery, candidates: Candidates) -> Candidates:  # noqa: ARG002
        """Return the representatives, and behind each its near-duplicates."""
        behind: dict[str, tuple[str, ...]] = {}
        grouped = np.zeros(len(candidates), bool)
        for best, others in self._alike_in_shape(candidates):
            if grouped[best]:
                continue
            same = self._same(candidates, best, others[~grouped[others]])
            if len(same):
                grouped[same] = True
                behind[candidates.image_ids[best]] = _with_theirs(candidates, best, same)
        if not behind:
            return candidates
        standing = np.flatnonzero(~grouped).tolist()
        return replace(candidates, duplicates={**candidates.duplicates, **behind}).take(standing)

    def same_as(self, row: ImageRow, vector: NDArray[np.float32], candidates: Candidates) -> list[int]:
        """The places of candidates that are near-duplicates of a picture.

        Args:
            row: what would be kept of the picture.
            vector: of the picture, [dimension] float32.
            candidates: best first.
        """
        near = candidates.first(int(np.count_nonzero(candidates.cosines >= self.least_cosine)))
        both = replace(
            near,
            image_ids=("", *near.image_ids),
            vectors=np.concatenate([vector[None] / np.linalg.norm(vector), near.vectors]),
            columns=np.append(np.array([row], near.columns.dtype), near.columns),
        )
        for best, others in self._alike_in_shape(both):
            if best == 0:
                return [int(place) - 1 for place in self._same(both, 0, others)]
        return []

    def _alike_in_shape(self, candidates: Candidates) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """(place, worse places) of images whose hashes are witnesses and agree, in rank order."""
        telling = np.flatnonzero(self._has_shape(candidates))
        hashes = candidates.columns["difference_hash"][telling]
        for start in range(0, len(telling), _BLOCK):
            near = np.bitwise_count(hashes[start : start + _BLOCK, None] ^ hashes) <= self.most_bits
            near &= np.arange(len(telling)) > np.arange(start, start + len(near))[:, None]
            for row in np.flatnonzero(near.any(axis=1)):
                yield int(telling[start + row]), telling[near[row]]

    def _has_shape(self, candidates: Candidates) -> Mask:
        luma = candidates.columns["colour_signature"][:, :_LUMA]
        contrast = luma.max(axis=1).astype(np.int16) - luma.min(axis=1)
        known = candidates.columns["colour_signature"].any(axis=1)
        has_shape: Mask = (candidates.columns["difference_hash"] != 0) & (contrast >= self.least_contrast) & known
        return has_shape

    def _same(self, candidates: Candidates, best: int, others: NDArray[np.intp]) -> NDArray[np.intp]:
        """Those of the other places where colours and vectors agree, too."""
        colours = candidates.columns["colour_signature"]
        apart = np.abs(colours[others].astype(np.int16) - colours[best])
        near = (apart[:, :_LUMA] <= self.most_luma).all(axis=1) & (apart[:, _LUMA:] <= self.most_chroma).all(axis=1)
        others = others[near]
        vector = candidates.vectors[best].astype(np.float64)
        cosines = np.sum(candidates.vectors[others] * vector, axis=1)  # row by row, whatever rows are beside them
        same: NDArray[np.intp] = others[cosines >= self.least_cosine]
        return same


def _with_theirs(candidates: Candidates, best: int, same: NDArray[np.intp]) -> tuple[str, ...]:
    """What stands behind the best one now: what did already, and the others with what stood behind them."""
    ids = [candidates.image_ids[place] for place in same]
    known = candidates.duplicates
    return (*known.get(candidates.image_ids[best], ()), *(one for i in ids for one in (i, *known.get(i, ()))))
