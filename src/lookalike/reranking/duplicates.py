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
_CELLS = 1 << 18  # pairs of hashes whose agreement is looked at at a time: 256 kB
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
            found: set[int] = set()
            for one, two in zip(best[same].tolist(), other[same].tolist(), strict=True):
                if one not in found and two not in found:
                    found.add(two)
                    behind.setdefault(one, []).append(two)
            grouped[list(found)] = True
        if not behind:
            return candidates
        behind = {best: sorted(behind[best]) for best in sorted(behind)}
        duplicates = {candidates.image_ids[best]: _with_theirs(candidates, best, same) for best, same in behind.items()}
        standing = candidates.take(np.flatnonzero(~grouped))
        return replace(standing, duplicates={**candidates.duplicates, **duplicates})

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
        """Pairs (place, worse place) of images whose hashes are witnesses and agree, some at a time.

        If a pair is of the same look, the worse one belongs to the other, unless an earlier pair has given one of the
        two a place. First comes each image with the best one of its shape, where that one stands for itself whatever
        the look of others: in most libraries these are all pairs there are. The rest follows in rank order.

        Args:
            candidates: best first.
            grouped: [candidates], those that have a place already, as the caller goes on; pairs of them are left out.
        """
        for best, other in self._near_hashes(candidates, grouped):
            has_contrast = self._contrast_of(candidates, best, other)
            left = has_contrast[best] & has_contrast[other] & ~grouped[best]
            best, other = best[left], other[left]  # noqa: PLW2901 - those that are left of them
            first = np.full(len(candidates), -1)
            first[other[::-1]] = best[::-1]  # of several the last is assigned, which is the best
            sure = np.flatnonzero((first >= 0) & (first[first] < 0))
            for start in range(0, len(sure), _PAIRS):
                yield first[sure[start : start + _PAIRS]], sure[start : start + _PAIRS]
            first[first[first] >= 0] = -1
            left = (first[other] != best) & ~(grouped[best] | grouped[other])
            while left.any():
                best, other = best[left], other[left]  # noqa: PLW2901
                yield best[:_PAIRS], other[:_PAIRS]
                best, other = best[_PAIRS:], other[_PAIRS:]  # noqa: PLW2901
                left = ~(grouped[best] | grouped[other])

    def _near_hashes(self, candidates: Candidates, grouped: Mask) -> Iterator[tuple[Places, Places]]:
        """Those whose hashes agree, of as many images at a time as `_CELLS` allow: of a usual search, all."""
        hashes = candidates.columns["difference_hash"]
        telling = np.flatnonzero(hashes)
        hashes = hashes[telling]
        start = 0
        while start < len(telling):
            behind, places = hashes[start:], telling[start:]
            near = self._agreeing(behind, max(_CELLS // len(behind), _BLOCK))
            start += len(near)
            if grouped.any():
                near &= ~grouped[places]
            # numpy finds the few ones of a flat array in a third of the time
            best, other = np.divmod(np.flatnonzero(near), len(behind))
            worse = other > best
            if worse.any():  # most libraries have few pairs, and most pages none
                yield places[best[worse]], places[other[worse]]

    def _agreeing(self, hashes: NDArray[np.uint64], rows: int) -> Mask:
        """[rows or n, n], which of the first hashes agree with which of all; undefined left of the diagonal."""
        near = np.zeros((min(rows, len(hashes)), len(hashes)), bool)
        for start in range(0, len(near), _BLOCK):
            these = hashes[start : min(start + _BLOCK, len(near)), None]
            bits = np.bitwise_count(these ^ hashes[start:])
            np.less_equal(bits, self.most_bits, out=near[start : start + len(these), start:])
        return near

    def _contrast_of(self, candidates: Candidates, *places: Places) -> Mask:
        """[candidates], which have contrast; of those only that stand at the places, which are few."""
        asked = np.zeros(len(candidates), bool)
        for some in places:
            asked[some] = True
        rows = np.flatnonzero(asked)
        asked[rows] = self.has_contrast(candidates.columns["colour_signature"][rows])
        return asked

    def has_contrast(self, signatures: NDArray[np.uint8]) -> Mask:
        """[n], of which colour signatures, [n, 96], the luma spans enough; none whose colours are not known."""
        luma = signatures[:, :_LUMA]
        spans: Mask = luma.max(axis=1) - luma.min(axis=1) >= self.least_contrast
        return spans

    def colours_agree(self, ones: NDArray[np.uint8], others: NDArray[np.uint8]) -> Mask:
        """[pairs], which colour signatures, [pairs, 96] each, agree in every cell."""
        apart: NDArray[np.uint8] = np.maximum(ones, others) - np.minimum(ones, others)
        agree: Mask = np.all(apart[:, :_LUMA] <= self.most_luma, axis=1)
        agree &= np.all(apart[:, _LUMA:] <= self.most_chroma, axis=1)
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


def _with_theirs(candidates: Candidates, best: int, same: Sequence[int]) -> tuple[str, ...]:
    """What stands behind the best one now: what did already, and the others with what stood behind them."""
    ids = [candidates.image_ids[place] for place in same]
    known = candidates.duplicates
    if not known:
        return tuple(ids)
    return (*known.get(candidates.image_ids[best], ()), *(one for i in ids for one in (i, *known.get(i, ()))))
