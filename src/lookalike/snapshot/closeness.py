"""What a cosine means in one library, told by its own pictures and by pictures that have nothing to do with it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.neighbors import COSINE_DECIMALS, AllowedRows, VectorIndex, unit_rows
from lookalike.snapshot.centring import Centring
from lookalike.snapshot.recall import sampled_rows
from lookalike.types import Mask, Match, Rows, Vectors

ENOUGH = 50
"""Images whose own neighbours say more than a model's reference."""

_SAMPLE = 2_000
_LOST = 3  # of 100 own images, whose nearest neighbour is not called close
_MISTAKEN = 98  # of 100 strangers, whose nearest image is not called close
_OF_RANDOM_PAIRS = (0.5, 0.9993, 0.9999)  # among up to 50 images, 1 stranger in 50 then finds a close one
_MOST_CLOSE_BLINDLY = 0.8  # where random pairs were of few kinds
_MOST_CLOSE, _MOST_VERY_CLOSE = 0.9, 0.97  # a library of one burst of photos does not make all else strange
_MARKS = (0.0, 50.0, 90.0, 99.0, 100.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closeness:
    """Three cosines that divide hits into words, and the scale from 0 to 100 between them.

    A cosine alone means something else for each model and library, and so does its rank among cosines of random pairs:
    a picture that belongs nowhere has a nearest image, too. So a hit is called close where few strangers find anything
    as near, and nearly all of the library's own images do.

    Attributes:
        loose: half-way between two images taken blindly and `close`.
        close: 97 of 100 of the library's images have another one at least as near, but 98 of 100 pictures that have
            nothing to do with it have none; where these contradict each other, the latter.
        very_close: half of the library's images have none as near.
        belonging: loose, close and very close for `Centring.belonging`, where the index holds centred vectors. `close`
            and `very_close` then follow the library's images alone: what they all have in common tells them from
            strangers, and centring takes it out. None where vectors are searched as they are.
    """

    loose: float
    close: float
    very_close: float
    belonging: tuple[float, float, float] | None = None

    @classmethod
    def of_marks(cls, marks: tuple[float, float, float]) -> "Closeness":
        """As `marks` gave it."""
        loose, close, very_close = marks
        return cls(loose=loose, close=close, very_close=very_close)

    @property
    def marks(self) -> tuple[float, float, float]:
        """The three cosines: loose, close, very close."""
        return self.loose, self.close, self.very_close

    def for_query(self, cosine: float, belonging: float) -> "Closeness":
        """The scale for the hits of one query: the best of them is no closer than the query belongs to the library.

        Args:
            cosine: of the query's best hit, as the index compares them.
            belonging: of the query with its best hit; see `Centring.belonging`.
        """
        if self.belonging is None:
            return self
        most = Closeness.of_marks(self.belonging).percent(belonging)
        nearer = float(np.interp(most, _MARKS, (-1.0, *self.marks, 1.0)))
        if not nearer < cosine < 1:
            return self
        shrunk = (1 - cosine) / (1 - nearer)  # keeps the order of the marks, and all of them below 1
        loose, close, very_close = (1 - shrunk * (1 - mark) for mark in self.marks)
        return Closeness(loose=loose, close=close, very_close=very_close)

    @classmethod
    def of(
        cls, nearest: NDArray[np.float32], *, typical: float, strangers: NDArray[np.float32] | None = None
    ) -> "Closeness":
        """From samples of cosines.

        Args:
            nearest: [n] of a library's images with the nearest other one.
            typical: of two images taken blindly.
            strangers: [m] of pictures that have nothing to do with the library with the nearest image; None where
                these are not known.
        """
        least = float(np.percentile(nearest, _LOST))
        if strangers is not None:
            least = max(least, float(np.percentile(strangers, _MISTAKEN)))
        return cls._between(typical, least, float(np.median(nearest)))

    @classmethod
    def reference(cls, cosines: NDArray[np.float32] | None) -> "Closeness":
        """For libraries too small to have their own.

        Args:
            cosines: [n] of random pairs of photos, that a model was shipped with. None: usual ones.
        """
        if cosines is None or not len(cosines):
            return cls(loose=0.35, close=0.6, very_close=0.85)
        typical, close, very_close = np.quantile(cosines.astype(np.float64), _OF_RANDOM_PAIRS).tolist()
        return cls._between(typical, min(close, _MOST_CLOSE_BLINDLY), very_close)

    @classmethod
    def of_index(
        cls,
        index: VectorIndex,
        *,
        public: Mask,
        seed: int = 0,
        strangers: Vectors | None = None,
        reference: NDArray[np.float32] | None = None,
        centring: Centring | None = None,
    ) -> "Closeness":
        """From a sample of the public images of an index; the same index, images and seed give the same.

        Hidden images have no part in it: otherwise answers would tell something about them.

        Args:
            index: of the library.
            public: [index.size] bool, its rows that everybody may see.
            seed: of the sample.
            strangers: [m, dimension] float32 unit rows, of pictures that have nothing to do with it, uncentred.
            reference: as for `reference`, used where there are fewer than 50 public images.
            centring: of the rows of the index; None for none.
        """
        visible = np.flatnonzero(public)
        if len(visible) < ENOUGH:
            return cls.reference(reference)
        allowed = AllowedRows.of(public)
        rows = visible[sampled_rows(len(visible), _SAMPLE, seed=seed)]
        centring = centring or Centring.none(index.dimension)
        own = _Nearest.of(index, unit_rows(index.vectors(rows)), allowed, itself=rows)
        foreign = None if strangers is None else _Nearest.of(index, centring.rows(strangers), allowed)
        if not centring.is_on:
            return cls._of_pairs(own, foreign)
        belonging = cls._of_pairs(
            own.before(centring, index), None if foreign is None else foreign.before(centring, index)
        )
        return replace(cls._of_pairs(own, None), belonging=belonging.marks)

    @classmethod
    def _of_pairs(cls, own: "_Pairs", strangers: "_Pairs | None") -> "Closeness":
        return cls.of(own.cosines, typical=own.typical, strangers=None if strangers is None else strangers.cosines)

    @classmethod
    def _between(cls, typical: float, close: float, very_close: float) -> "Closeness":
        close = min(max(close, 0.05), _MOST_CLOSE)
        very_close = min(max(very_close, close + (1 - close) / 4), _MOST_VERY_CLOSE)
        loose = (min(typical, close - 0.05) + close) / 2
        return cls(
            loose=round(loose, COSINE_DECIMALS),
            close=round(close, COSINE_DECIMALS),
            very_close=round(very_close, COSINE_DECIMALS),
        )

    def percent(self, cosine: float) -> float:
        """How close, 0 to 100: 50 at `loose`, 90 at `close`, 99 at `very_close`. Rises with the cosine; never NaN."""
        return self.percents([cosine])[0]

    def percents(self, cosines: Sequence[float]) -> list[float]:
        """`percent` of each of some cosines, in the time of one."""
        found = np.interp(cosines, (-1.0, self.loose, self.close, self.very_close, 1.0), _MARKS)
        percents: list[float] = np.where(np.isnan(found), 0.0, found).tolist()
        return percents

    def match(self, cosine: float) -> Match:
        """In a word; never `Match.DUPLICATE`, which a cosine cannot tell."""
        if cosine >= self.very_close:
            return Match.VERY_CLOSE
        if cosine >= self.close:
            return Match.CLOSE
        return Match.LOOSE if cosine >= self.loose else Match.NONE


class _Pairs(Protocol):
    """Pictures and their nearest images: how near they are, and two pictures taken blindly."""

    @property
    def cosines(self) -> NDArray[np.float32]: ...

    @property
    def typical(self) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Belonging:
    """As `_Pairs` says, by `Centring.belonging`."""

    cosines: NDArray[np.float32]
    typical: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Nearest:
    """Some vectors, as an index holds them, and the nearest image of each.

    Attributes:
        vectors: [n, dimension] float32 unit rows.
        rows: [n] of the index; -1 where it found none.
        cosines: [n] float32.
    """

    vectors: Vectors
    rows: Rows
    cosines: NDArray[np.float32]

    @classmethod
    def of(
        cls, index: VectorIndex, vectors: Vectors, allowed: AllowedRows, *, itself: Rows | None = None
    ) -> "_Nearest":
        """Search for the nearest allowed row, and for images of the index for the nearest other one."""
        found = index.search(vectors, 1 if itself is None else 2, allowed=allowed)
        place = np.zeros(len(vectors), np.int64) if itself is None else (found.rows[:, 0] == itself).astype(np.int64)
        at = np.arange(len(vectors)), place
        return cls(vectors=vectors, rows=found.rows[at], cosines=found.cosines[at])

    @property
    def typical(self) -> float:
        """The median for two of the vectors."""
        return float(np.median((self.vectors @ self.vectors.T)[np.triu_indices(len(self.vectors), 1)]))

    def before(self, centring: Centring, index: VectorIndex) -> "_Belonging":
        """How much the vectors belong to the library, without centring."""
        found = self.rows >= 0
        vectors = unit_rows(centring.restored(self.vectors[found]))
        nearest = unit_rows(centring.restored(index.vectors(self.rows[found])))
        others = np.roll(vectors, len(vectors) // 2, axis=0)
        return _Belonging(
            cosines=centring.belonging(vectors, nearest).astype(np.float32),
            typical=float(np.median(centring.belonging(vectors, others))),
        )
