"""Vectors without what all pictures of a library have in common.

Photos of one kind share a direction: everything in a shop is on white, everything in a wardrobe is cloth. That part
of a cosine tells no two of them apart. So a library's mean is taken out of its vectors, and what is left is compared.
Parts of pictures share another direction than whole ones, so they have a mean of their own (Suzuki et al. 2013,
"Centering similarity measures to reduce hubs"; for crops the queries' own mean, measured in benchmarks/centring.py).
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import VectorBlock
from lookalike.errors import SnapshotDamaged
from lookalike.types import WHOLE_IMAGE, Box, Vectors, Visibility

CENTRE_FROM = 500
"""Public images from which a mean says more of a library than of the few pictures in it."""

CENTRING_FILE = "centring.npy"

_LEAST_SPREAD = 0.01  # mean squared distance from the mean: below it the pictures are all the same
_FEWEST_CUTS = 16  # with so many crops rank better than by the mean of whole pictures; from 60 on much better
_SHARE_OF_MEAN = 1 / 3
_NEAREST = 1e-3  # to the mean: float16 rounding moves a vector by a third of it


@dataclass(frozen=True, eq=False)
class Centring:
    """The means that one published index was made with. Fitted when it was published; rows and queries share it.

    Attributes:
        whole: [dimension] float32, of vectors of whole pictures; zeros where vectors are searched as they are.
        part: [dimension] float32, of vectors of parts of pictures; likewise.
    """

    whole: NDArray[np.float32]
    part: NDArray[np.float32]

    @classmethod
    def none(cls, dimension: int) -> "Centring":
        """Vectors are searched as they are."""
        return cls(np.zeros(dimension, np.float32), np.zeros(dimension, np.float32))

    @classmethod
    def of(cls, mean: NDArray[np.float64], cuts: Vectors) -> "Centring":
        """From a library's own vectors.

        Args:
            mean: [dimension] float64, of the vectors of its public whole pictures.
            cuts: [n, dimension] float32 unit rows, of random parts of these pictures. Where there are fewer than 16,
                the mean of whole pictures stands for that of parts.
        """
        if 1 - mean @ mean < _LEAST_SPREAD:
            return cls.none(len(mean))
        part = cuts.mean(axis=0, dtype=np.float64) if len(cuts) >= _FEWEST_CUTS else mean
        return cls(mean.astype(np.float32), part.astype(np.float32))

    @cached_property
    def is_on(self) -> bool:
        """Whether anything is taken out."""
        return bool(self.whole.any())

    def rows(self, vectors: Vectors, regions: NDArray[np.int16] | None = None) -> Vectors:
        """Vectors as an index holds them; each depends on nothing but itself.

        Args:
            vectors: [n, dimension] float32 unit rows, as the catalog holds them.
            regions: [n], of which region of its picture each is; None where all are of whole ones.

        Returns:
            [n, dimension] float32 unit rows, rounded to float16.
        """
        if not self.is_on or not len(vectors):
            return vectors
        return _half(_apart(vectors, self._means(regions)))

    def query(self, vector: NDArray[np.float32], crop: Box | None = None) -> NDArray[np.float32]:
        """A query's vector as it is compared with `rows`, [dimension] float32 of unit length.

        Args:
            vector: [dimension] float32, as a picture or a part of one was encoded.
            crop: the part, in fractions; None for a whole picture.
        """
        if not self.is_on:
            return vector
        apart: NDArray[np.float32] = _half(_apart(vector[None], self.whole if crop is None else self.part))[0]
        return apart

    def restored(self, rows: Vectors, regions: NDArray[np.int16] | None = None) -> Vectors:
        """What `rows` was given, but for rounding: the point of length 1 on the ray from the mean through each row.

        Args:
            rows: [n, dimension] float32 unit rows.
            regions: [n], as for `rows`.
        """
        if not self.is_on:
            return rows
        means = self._means(regions)
        squares = np.vecdot(rows, rows)  # not quite 1: they were rounded to float16
        along = np.vecdot(rows, means)
        distances = (np.sqrt(along**2 + squares * (1 - np.vecdot(means, means))) - along) / squares
        restored: Vectors = means + distances[:, None] * rows
        return restored

    def belonging(self, pictures: Vectors, nearest: Vectors) -> NDArray[np.float64]:
        """How much pictures belong to the library, [n] float64 in [-1, 1].

        The cosine of each with its nearest image, and a third as much that with the mean of all images: a stranger may
        be like one image by chance, and not like all of them. The third was chosen on the pictures of
        benchmarks/closeness.py.

        Args:
            pictures: [n, dimension] float32 unit rows, not centred.
            nearest: [n, dimension] float32 unit rows, not centred: the image that is nearest to each.
        """
        wide, images = pictures.astype(np.float64), nearest.astype(np.float64)
        mean = self.whole.astype(np.float64)
        mean /= max(float(np.linalg.norm(mean)), 1e-12)
        weighed: NDArray[np.float64] = (np.vecdot(wide, images) + _SHARE_OF_MEAN * np.vecdot(wide, mean)) / (
            1 + _SHARE_OF_MEAN
        )
        return weighed

    def _means(self, regions: NDArray[np.int16] | None) -> NDArray[np.float32]:
        """[dimension], or [n, dimension] where parts are among the rows."""
        if regions is None or not (regions != WHOLE_IMAGE).any():
            return self.whole
        means: Vectors = np.where((regions == WHOLE_IMAGE)[:, None], self.whole, self.part)
        return means

    @property
    def means(self) -> NDArray[np.float32]:
        """As it is stored: [2, dimension], of whole pictures and of parts."""
        return np.stack([self.whole, self.part])

    @classmethod
    def open(cls, path: Path, dimension: int) -> "Centring":
        """Read stored `means`.

        Raises:
            SnapshotDamaged: it is not there, or not of that dimension.
        """
        try:
            means = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as problem:
            raise SnapshotDamaged(f"{path.name} cannot be read: {problem}") from problem
        if means.dtype != np.float32 or means.shape != (2, dimension):
            raise SnapshotDamaged(f"{path.name} holds {means.dtype} of shape {means.shape}")
        return cls(means[0], means[1])


class PublicMean:
    """The mean vector of a library's public whole pictures, taken in block by block.

    Attributes:
        size: pictures so far.
        first_ids: of the first of them by id, which are a random sample: ids are hashes of content.
    """

    def __init__(self, dimension: int, *, sampled: int) -> None:
        self._sampled = sampled
        self._sum = np.zeros(dimension)
        self.size = 0
        self.first_ids: list[str] = []

    def take(self, block: VectorBlock) -> None:
        """Count what is public in the next block, of ascending ids."""
        public = np.array([visibility is Visibility.PUBLIC for visibility in block.visibilities], dtype=bool)
        counted = np.flatnonzero(public & (block.regions == WHOLE_IMAGE))
        self._sum += block.vectors[counted].sum(axis=0, dtype=np.float64)
        self.size += len(counted)
        missing = self._sampled - len(self.first_ids)
        self.first_ids += [block.image_ids[place] for place in counted[:missing].tolist()]

    @property
    def mean(self) -> NDArray[np.float64]:
        """[dimension]; zeros where there are no pictures."""
        return self._sum / max(self.size, 1)


def _apart(vectors: Vectors, means: NDArray[np.float32]) -> Vectors:
    """From the mean to each vector, at unit length; a vector that is the mean itself keeps its own direction."""
    apart = vectors - means
    squares = np.vecdot(apart, apart)
    at_mean = squares < _NEAREST**2
    if at_mean.any():
        apart[at_mean] = vectors[at_mean]
        squares = np.vecdot(apart, apart)
    apart /= np.sqrt(squares)[:, None]
    return apart


def _half(vectors: Vectors) -> Vectors:
    return vectors.astype(np.float16).astype(np.float32)
