"""Near-duplicates are collapsed into one candidate, which lists the others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.columns import ImageRow
from lookalike.reranking.candidate import Candidates, RankingQuery
from lookalike.types import Mask

_LUMA = 64  # of a colour signature's numbers
_BLOCK = 64  # hashes compared with all behind them at a time: they stay in the processor's cache
_PAIRS = 4096  # whose colours and vectors are compared at a time: 5 MB for vectors of 128 numbers

Places: TypeAlias = NDArray[np.intp]
"""[n], where candidates stand, best first."""


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
        behind: dict[int, list[int]] = {}
        grouped = np.zeros(len(candidates), bool)
        for best, other in self._alike_in_shape(candidates, grouped):
            same = self._same_look(candidates, best, candidates, other)
            for one, two in zip(best[same].tolist(), other[same].tolist(), strict=True):
                if not (grouped[one] or grouped[two]):
                    grouped[two] = True
                    behind.setdefault(one, []).append(two)
        if not behind:
            return candidates
        duplicates = {candidates.image_ids[best]: _with_theirs(candidates, best, same) for best, same in behind.items()}
        standing = np.flatnonzero(~grouped).tolist()
        return replace(candidates, duplicates={**candidates.duplicates, **duplicates}).take(standing)

    def same_as(self, row: ImageRow, vector: NDArray[np.float32], candidates: Candidates) -> list[int]:
        """The places of candidates that are near-duplicates of a picture.

        Args:
            row: what would be kept of the picture.
            vector: of the picture, [dimension] float32.
            candidates: best first.
        """
        hashes, hash_of_picture = candidates.columns["difference_hash"], row["difference_hash"]
        alike = np.bitwise_count(hashes ^ hash_of_picture) <= self.most_bits
        places = np.flatnonzero(alike & (hashes != 0))
        if not len(places) or not hash_of_picture:
            return []
        picture = replace(
            candidates.first(1),
            image_ids=("",),
            vectors=vector[None] / np.linalg.norm(vector),
            columns=np.array([row], candidates.columns.dtype),
        )
        if not self.has_contrast(picture.columns["colour_signature"])[0]:
            return []
        places = places[self.has_contrast(candidates.columns["colour_signature"][places])]
        same: list[int] = places[self._same_look(picture, np.zeros_like(places), candidates, places)].tolist()
        return same

    def alike(self, candidates: Candidates, one: Places, other: Places) -> Mask:
        """[pairs], which pairs of candidates, given by their places, are near-duplicates of each other."""
        hashes, has_shape = candidates.columns["difference_hash"], self._has_shape(candidates)
        near = np.bitwise_count(hashes[one] ^ hashes[other]) <= self.most_bits
        places = np.flatnonzero(near & has_shape[one] & has_shape[other])
        alike = np.zeros(len(one), bool)
        alike[places[self._same_look(candidates, one[places], candidates, other[places])]] = True
        return alike

    def _alike_in_shape(self, candidates: Candidates, grouped: Mask) -> Iterator[tuple[Places, Places]]:
        """Pairs (place, worse place) of images whose hashes are witnesses and agree, in rank order, some at a time.

        Args:
            candidates: best first.
            grouped: [candidates], those that have a place already, as the caller goes on; pairs of them are left out.
        """
        hashes = candidates.columns["difference_hash"]
        telling = np.flatnonzero(hashes)
        hashes, has_contrast = hashes[telling], None
        for start in range(0, len(telling), _BLOCK):
            rows, others = telling[start : start + _BLOCK], telling[start:]
            near = np.bitwise_count(hashes[start : start + _BLOCK, None] ^ hashes[start:]) <= self.most_bits
            if grouped.any():
                near &= ~grouped[others]
            # numpy finds the few ones of a flat array in a third of the time
            best, other = np.divmod(np.flatnonzero(near), len(others))
            behind = np.flatnonzero(other > best)
            if not len(behind):
                continue
            if has_contrast is None:  # most libraries have few pairs, and most pages none
                has_contrast = self.has_contrast(candidates.columns["colour_signature"][telling])
            behind = behind[has_contrast[start + best[behind]] & has_contrast[start + other[behind]]]
            best, other = best[behind], other[behind]
            for pairs in _runs(best):
                one, two = rows[best[pairs]], others[other[pairs]]
                free = ~(grouped[one] | grouped[two])
                yield one[free], two[free]

    def has_contrast(self, signatures: NDArray[np.uint8]) -> Mask:
        """[n], of which colour signatures, [n, 96], the luma spans enough; none whose colours are not known."""
        luma = signatures[:, :_LUMA]
        spans: Mask = luma.max(axis=1) - luma.min(axis=1) >= self.least_contrast
        return spans

    def colours_agree(self, ones: NDArray[np.uint8], others: NDArray[np.uint8]) -> Mask:
        """[pairs], which colour signatures, [pairs, 96] each, agree in every cell."""
        apart = np.abs(others.astype(np.int16) - ones)
        agree: Mask = (apart[:, :_LUMA] <= self.most_luma).all(axis=1)
        agree &= (apart[:, _LUMA:] <= self.most_chroma).all(axis=1)
        return agree

    def _has_shape(self, candidates: Candidates) -> Mask:
        has_shape: Mask = candidates.columns["difference_hash"] != 0
        return has_shape & self.has_contrast(candidates.columns["colour_signature"])

    def _same_look(self, ones: Candidates, at: Places, others: Candidates, there: Places) -> Places:
        """Which of the pairs (one of `ones`, one of `others`) agree in colours and vectors, too."""
        colours = (images.columns["colour_signature"][rows] for images, rows in ((ones, at), (others, there)))
        pairs = np.flatnonzero(self.colours_agree(*colours))
        products = others.vectors[there[pairs]] * ones.vectors[at[pairs]].astype(np.float64)
        same: Places = pairs[products.sum(axis=1) >= self.least_cosine]
        return same


def _runs(best: Places) -> Iterator[slice]:
    """Pieces of the ascending list in which no number is in two of them, of at most `_PAIRS` where that is possible."""
    begins = np.flatnonzero(np.diff(best, prepend=-1))
    ends = np.append(begins[1:], len(best))
    start = 0
    while start < len(best):
        end = int(ends[max(np.searchsorted(ends, start + _PAIRS, side="right") - 1, np.searchsorted(begins, start))])
        yield slice(start, end)
        start = end


def _with_theirs(candidates: Candidates, best: int, same: Sequence[int]) -> tuple[str, ...]:
    """What stands behind the best one now: what did already, and the others with what stood behind them."""
    ids = [candidates.image_ids[place] for place in same]
    known = candidates.duplicates
    return (*known.get(candidates.image_ids[best], ()), *(one for i in ids for one in (i, *known.get(i, ()))))
