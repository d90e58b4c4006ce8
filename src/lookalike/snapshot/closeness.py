"""What a cosine means in one library, told by its own pictures and by pictures that have nothing to do with it."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.neighbors import COSINE_DECIMALS, AllowedRows, VectorIndex, unit_rows
from lookalike.snapshot.recall import sampled_rows
from lookalike.types import Mask, Match, Vectors

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
    """

    loose: float
    close: float
    very_close: float

    @classmethod
    def of_marks(cls, marks: tuple[float, float, float]) -> "Closeness":
        """As `marks` gave it."""
        loose, close, very_close = marks
        return cls(loose=loose, close=close, very_close=very_close)

    @property
    def marks(self) -> tuple[float, float, float]:
        """The three cosines: loose, close, very close."""
        return self.loose, self.close, self.very_close

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
    ) -> "Closeness":
        """From a sample of the public images of an index; the same index, images and seed give the same.

        Hidden images have no part in it: otherwise answers would tell something about them.

        Args:
            index: of the library.
            public: [index.size] bool, its rows that everybody may see.
            seed: of the sample.
            strangers: [m, dimension] float32 unit rows, of pictures that have nothing to do with it.
            reference: as for `reference`, used where there are fewer than 50 public images.
        """
        visible = np.flatnonzero(public)
        if len(visible) < ENOUGH:
            return cls.reference(reference)
        allowed = AllowedRows.of(public)
        rows = visible[sampled_rows(len(visible), _SAMPLE, seed=seed)]
        vectors = unit_rows(index.vectors(rows))
        found = index.search(vectors, 2, allowed=allowed)
        others = np.where(found.rows[:, 0] == rows, found.cosines[:, 1], found.cosines[:, 0])
        blindly = np.median((vectors @ vectors.T)[np.triu_indices(len(rows), 1)])
        nearest = None if strangers is None else index.search(strangers, 1, allowed=allowed).cosines[:, 0]
        return cls.of(others, typical=float(blindly), strangers=nearest)

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
        if math.isnan(cosine):
            return 0.0
        return float(np.interp(cosine, (-1.0, self.loose, self.close, self.very_close, 1.0), _MARKS))

    def match(self, cosine: float) -> Match:
        """In a word; never `Match.DUPLICATE`, which a cosine cannot tell."""
        if cosine >= self.very_close:
            return Match.VERY_CLOSE
        if cosine >= self.close:
            return Match.CLOSE
        return Match.LOOSE if cosine >= self.loose else Match.NONE
