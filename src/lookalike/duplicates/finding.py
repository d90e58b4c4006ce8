"""Finding copies: candidates from an index and by shape, then rules that look at each pair."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from lookalike.columns import ImageRows
from lookalike.duplicates.agreement import Agreement, agreement, small
from lookalike.duplicates.pairs import CopyPair, Reason
from lookalike.duplicates.texture import fine, looks_same, same_texture
from lookalike.duplicates.turns import LUMA, TURNS, UPRIGHT, shapes, turned
from lookalike.keypoints import Alignment, Keypoints, Rule, aligned
from lookalike.neighbors import BACKENDS, choose_backend
from lookalike.reranking import Candidates, CollapseDuplicates
from lookalike.types import Pixels, Vectors

_KEPT_PICTURES = 2_000
_ROUGHLY = 4  # each way: of so many pixels, one is compared at first
_ROUGH_LUMA, _ROUGH_COLOUR, _ROUGH_SHARE = 0.1, 5.0, 0.1  # what those few pixels may be off by
_ASKED = 5_000  # rows whose neighbours are asked for at a time
RULES = 4
"""Of the rules here. Raise it when they find other pairs: searches that were interrupted then start anew."""

Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows of images, and rows of others, each pair once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Library:
    """What is compared.

    Attributes:
        ids: of the images, ascending.
        vectors: [images, dimension] float32 unit rows, as the model made them.
        columns: [images], what is kept of each.
        keypoints_of: looks up keypoints by ids; those that have none are left out.
        pixels_of: decodes an image to at least `agreement.SIDE` pixels; None where it cannot be read.
    """

    ids: Sequence[str]
    vectors: Vectors
    columns: ImageRows
    keypoints_of: Callable[[Sequence[str]], Mapping[str, Keypoints]]
    pixels_of: Callable[[str], Pixels | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundBlock:
    """Some images that were compared with all others.

    Attributes:
        rows: of these images.
        pairs: of copies of these images, but for those that a block before has.
    """

    rows: tuple[int, ...]
    pairs: list[CopyPair]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is enough together.

    Attributes:
        inliers: matching details.
        luma: correlation of brightness where two pictures overlap.
    """

    inliers: int
    luma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRules:
    """When two images are copies.

    Attributes:
        neighbors: candidates of each image by its vector; as many again by its shape, in every turn.
        look: of images that look the same as they are.
        turned_bits: of 112, in which the shape of a turned copy may differ.
        turned_cosine: of the vectors of a turned copy, at least; models see a turned picture as another one.
        turned_contrast: levels that the brightness of its cells spans, where the cosine is below `near_cosine`: a plain
            picture with something small in it has hardly any shape.
        near_cosine: see there.
        details_cosine: of the vectors of images whose keypoints are compared, at least.
        details: when keypoints agree; few are enough where the pixels say the same.
        enough: any of these; fewer details need brightness that agrees better.
        most_difference: of brightness there, levels of 255, see `Agreement.difference`.
        least_contrast: standard deviation of brightness where two pictures overlap, levels of 255.
        most_colour: distance of colours there, levels of 255, see `Agreement.colour`.
        most_odd_colour: likewise, see `Agreement.odd_colour`.
        least_share: of one of the two pictures that overlaps.
        least_texture: share of the textured cells whose brightness is the same, see `same_texture`.
    """

    neighbors: int = 20
    look: CollapseDuplicates = field(default_factory=CollapseDuplicates)
    turned_bits: int = 14
    turned_cosine: float = 0.1
    turned_contrast: int = 40
    near_cosine: float = 0.5
    details_cosine: float = 0.3
    details: Rule = field(default_factory=lambda: Rule(least_inliers=4))
    enough: tuple[Evidence, ...] = (
        Evidence(inliers=4, luma=0.97),
        Evidence(inliers=6, luma=0.93),
        Evidence(inliers=12, luma=0.9),
    )
    most_difference: float = 16
    least_contrast: float = 4
    most_colour: float = 5
    most_odd_colour: float = 14
    least_share: float = 0.5
    least_texture: float = 0.5

    def may_be_met(self, roughly: Agreement) -> bool:
        """Whether pictures may be copies of which some pixels were compared: most pairs are far from it."""
        overlaps = roughly.share >= self.least_share - _ROUGH_SHARE
        colours = roughly.colour <= self.most_colour + _ROUGH_COLOUR
        return overlaps and colours and roughly.luma >= min(one.luma for one in self.enough) - _ROUGH_LUMA

    def are_met(self, inliers: int, agreed: Agreement) -> bool:
        """Whether pictures with so many details at matching places, whose pixels agree so well, are copies."""
        overlaps = agreed.share >= self.least_share and agreed.contrast >= self.least_contrast
        colours = agreed.colour <= self.most_colour and agreed.odd_colour <= self.most_odd_colour
        same = agreed.difference <= self.most_difference and colours
        return overlaps and same and any(inliers >= one.inliers and agreed.luma >= one.luma for one in self.enough)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Picture:
    """What is kept of an image whose pixels are compared.

    Attributes:
        small: see `agreement.small`.
        fine: see `texture.fine`.
    """

    small: NDArray[np.float32]
    fine: NDArray[np.uint8]

    @property
    def mirrored(self) -> "_Picture":
        return _Picture(small=self.small[:, ::-1], fine=np.ascontiguousarray(self.fine[:, ::-1]))


class CopyFinder:
    """Finds the pairs of copies in a library; the same library always has the same.

    Args:
        library: what is compared.
        rules: when two images are copies.
    """

    def __init__(self, library: Library, rules: CopyRules | None = None) -> None:
        self._library = library
        self._rules = rules or CopyRules()
        size, dimension = library.vectors.shape
        self._index = BACKENDS[choose_backend(size, dimension)].build(library.vectors)
        self._signatures = library.columns["colour_signature"]
        self._images = Candidates(
            image_ids=tuple(library.ids), cosines=np.zeros(size), vectors=library.vectors, columns=library.columns
        )
        luma = self._signatures[:, :LUMA]
        self._spans = np.ptp(luma, axis=1) >= self._rules.turned_contrast
        self._has_shape = self._rules.look.has_contrast(self._signatures)
        self._shapes = _padded(shapes(self._signatures))
        self._shape_index = faiss.IndexBinaryFlat(8 * self._shapes.shape[1])
        self._shaped = np.flatnonzero(self._has_shape)
        self._shape_index.add(self._shapes[self._shaped])
        self._picture = lru_cache(maxsize=_KEPT_PICTURES)(self._decoded)

    def find(self, rows: Sequence[int], *, size: int = 500) -> Iterator[FoundBlock]:
        """The copies of the images in those rows, among all images.

        Candidates are chosen for all rows first, so that no pair is compared twice.

        Args:
            rows: ascending.
            size: rows that are looked at between two blocks.
        """
        asked = np.asarray(rows, np.intp)
        one, other = self._candidates(asked)
        owner = np.where(np.isin(one, asked), one, other)
        order = np.argsort(owner, kind="stable")
        one, other, owner = one[order], other[order], owner[order]
        for start in range(0, len(asked), size):
            block = asked[start : start + size]
            ours = slice(*np.searchsorted(owner, [block[0], block[-1] + 1]))
            yield FoundBlock(rows=tuple(block.tolist()), pairs=self._compare(one[ours], other[ours]))

    def _compare(self, one: NDArray[np.intp], other: NDArray[np.intp]) -> list[CopyPair]:
        """Those of the pairs that are copies."""
        cosines = np.einsum("ij,ij->i", self._library.vectors[one], self._library.vectors[other])
        found: dict[tuple[int, int], CopyPair] = {}
        for pair, place in chain(self._by_look(one, other, cosines), self._by_turn(one, other, cosines)):
            found.setdefault((int(one[place]), int(other[place])), pair)
        open_ones = [
            place
            for place in np.flatnonzero(cosines >= self._rules.details_cosine).tolist()
            if (int(one[place]), int(other[place])) not in found
        ]
        found.update(self._by_details(one[open_ones], other[open_ones], cosines[open_ones]))
        return [found[key] for key in sorted(found)]

    def _candidates(self, rows: NDArray[np.intp]) -> Pairs:
        """Pairs of those rows with their nearest by vector, and by shape in any turn, each once."""
        size = len(self._library.ids)
        keys = [np.zeros(0, np.int64)]
        for start in range(0, len(rows) if size > 1 else 0, _ASKED):
            keys += self._nearest(rows[start : start + _ASKED])
        pairs = np.unique(np.concatenate(keys))
        return pairs // size, pairs % size

    def _nearest(self, rows: NDArray[np.intp]) -> list[NDArray[np.int64]]:
        """Keys of pairs, some of them several times."""
        size = len(self._library.ids)
        wanted = min(self._rules.neighbors + 1, size)
        near = self._index.search(self._library.vectors[rows], wanted).rows
        keys = [_keys(rows, near, size)]
        shaped = rows[self._has_shape[rows]]
        for turn in TURNS if len(shaped) else ():
            asked = _padded(shapes(turned(self._signatures[shaped], turn)))
            apart, places = self._shape_index.search(asked, min(wanted, len(self._shaped)))
            near = np.where((apart <= self._rules.turned_bits) & (places >= 0), self._shaped[places], -1)
            keys.append(_keys(shaped, near, size))
        return keys

    def _by_look(
        self, one: NDArray[np.intp], other: NDArray[np.intp], cosines: NDArray[np.float32]
    ) -> Iterator[tuple[CopyPair, int]]:
        """Pairs that look the same as they are, and their places."""
        for place in np.flatnonzero(self._rules.look.alike(self._images, one, other)).tolist():
            if self._looks_same(one[place], other[place], UPRIGHT):
                yield self._pair(one[place], other[place], Reason.LOOK, cosines[place]), place

    def _by_turn(
        self, one: NDArray[np.intp], other: NDArray[np.intp], cosines: NDArray[np.float32]
    ) -> Iterator[tuple[CopyPair, int]]:
        """Pairs of which one is the other turned or mirrored, and their places."""
        places = np.flatnonzero(self._may_be_turned(one, other, cosines))
        ours, our_shapes = self._signatures[one[places]], self._shapes[one[places]]
        for turn in [turn for turn in TURNS if turn != UPRIGHT and len(places)]:
            theirs = turned(self._signatures[other[places]], turn)
            same = self._rules.look.colours_agree(ours, theirs)
            same &= np.bitwise_count(our_shapes ^ _padded(shapes(theirs))).sum(axis=1) <= self._rules.turned_bits
            for place in places[same].tolist():
                if self._looks_same(one[place], other[place], turn):
                    yield self._pair(one[place], other[place], Reason.TURNED, cosines[place], turn=turn), place

    def _looks_same(self, here: int, there: int, turn: str) -> bool:
        """Whether the pixels say so, too; what cannot be read is taken at its columns' word."""
        one, other = self._picture(self._library.ids[here]), self._picture(self._library.ids[there])
        if one is None or other is None:
            return True
        turned_other = np.ascontiguousarray(TURNS[turn](other.fine[None])[0])
        return looks_same(one.fine, turned_other, least=self._rules.least_texture)

    def _may_be_turned(
        self, one: NDArray[np.intp], other: NDArray[np.intp], cosines: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """[pairs], where the vectors and the contrast of both images allow it."""
        rules = self._rules
        shaped = self._has_shape[one] & self._has_shape[other] & (cosines >= rules.turned_cosine)
        spans: NDArray[np.bool_] = self._spans[one] & self._spans[other]
        near: NDArray[np.bool_] = cosines >= rules.near_cosine
        return shaped & (near | spans)

    def _by_details(
        self, one: NDArray[np.intp], other: NDArray[np.intp], cosines: NDArray[np.float32]
    ) -> Iterator[tuple[tuple[int, int], CopyPair]]:
        """Pairs that share details at matching places, and whose pixels agree there."""
        rows = np.unique(np.concatenate([one, other])).tolist()
        points = self._library.keypoints_of([self._library.ids[row] for row in rows])
        for here, there, cosine in zip(one.tolist(), other.tolist(), cosines.tolist(), strict=True):
            ours, theirs = (points.get(self._library.ids[row]) for row in (here, there))
            if ours is None or theirs is None:
                continue
            found = self._shared_details(here, ours, there, theirs)
            if found is not None:
                reason, inliers, luma = found
                yield (here, there), self._pair(here, there, reason, cosine, inliers=inliers, luma=round(luma, 3))

    def _shared_details(
        self, here: int, ours: Keypoints, there: int, theirs: Keypoints
    ) -> tuple[Reason, int, float] | None:
        """How many details are shared, also in the mirror, and how brightness agrees; None where they are no copies."""
        for mirrored, seen in ((False, ours), (True, ours.mirrored)):
            alignment = aligned(seen, theirs, self._rules.details)
            if alignment is None:
                continue
            one, other = self._picture(self._library.ids[here]), self._picture(self._library.ids[there])
            if one is None or other is None:
                return None
            luma = self._same_pixels(one.mirrored if mirrored else one, other, alignment)
            if luma is not None:
                return Reason.MIRRORED_DETAILS if mirrored else Reason.DETAILS, alignment.inliers, luma
        return None

    def _same_pixels(self, one: "_Picture", other: "_Picture", alignment: Alignment) -> float | None:
        """How brightness agrees; None where the two pictures are no copies."""
        if alignment.enlarges:  # what shows less is looked at more closely
            one, other, alignment = other, one, alignment.inverse
        if not self._rules.may_be_met(agreement(one.small, other.small, alignment, step=_ROUGHLY)):
            return None
        agreed = agreement(one.small, other.small, alignment)
        if not self._rules.are_met(alignment.inliers, agreed):
            return None
        texture = same_texture(one.fine, other.fine, alignment)
        return agreed.luma if texture >= self._rules.least_texture else None

    def _decoded(self, image_id: str) -> "_Picture | None":
        pixels = self._library.pixels_of(image_id)
        return None if pixels is None else _Picture(small=small(pixels), fine=fine(pixels))

    def _pair(self, one: int, other: int, reason: Reason, cosine: float, **found: Any) -> CopyPair:
        ids = self._library.ids
        return CopyPair(one=ids[one], other=ids[other], reason=reason, cosine=round(float(cosine), 4), **found)


def _padded(bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[n, 16], as Faiss compares fastest."""
    return np.pad(bits, ((0, 0), (0, -bits.shape[1] % 8)))


def _keys(rows: NDArray[np.intp], near: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Each pair once as one number: the lower row times the size, and the higher row."""
    here = np.repeat(rows, near.shape[1])
    there = near.ravel()
    real = (there >= 0) & (there != here)
    low, high = np.minimum(here, there)[real], np.maximum(here, there)[real]
    return np.asarray(low * size + high, np.int64)
