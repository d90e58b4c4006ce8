"""Vectors on the few directions in which they vary most, for structures that work in few dimensions only."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import SnapshotDamaged
from lookalike.neighbors.stored import read_array, write_array
from lookalike.types import Vectors

_AXES_FILE = "axes.npy"
_POINTS_FILE = "points.npy"
_SAMPLE = 65_536
_BLOCK = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduced:
    """A library in few dimensions, by principal components.

    Attributes:
        axes: [dimension, few] float32, orthonormal, the direction of the largest variance first.
        points: [size, few] float32, the vectors on these axes. The distance of two points is at most that of their
            vectors.
    """

    axes: NDArray[np.float32]
    points: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: Vectors, *, axes: int, seed: int) -> "Reduced":
        """Find the axes on a sample, and project everything.

        Args:
            vectors: [size, dimension] float32.
            axes: wanted; fewer where vectors have fewer dimensions.
            seed: of the sample.
        """
        dimension = vectors.shape[1]
        sample = vectors[np.sort(np.random.default_rng(seed).permutation(len(vectors))[:_SAMPLE])].astype(np.float64)
        centred = sample - sample.mean(axis=0) if len(sample) else sample
        _, directions = np.linalg.eigh(centred.T @ centred)
        chosen = np.ascontiguousarray(directions[:, ::-1][:, : min(axes, dimension)], dtype=np.float32)
        points = np.empty((len(vectors), chosen.shape[1]), dtype=np.float32)
        for start in range(0, len(vectors), _BLOCK):
            points[start : start + _BLOCK] = vectors[start : start + _BLOCK] @ chosen
        return cls(axes=chosen, points=points)

    def projected(self, queries: Vectors) -> NDArray[np.float32]:
        """[queries, few] float32, each row as if it were alone."""
        return np.concatenate([queries[place : place + 1] @ self.axes for place in range(len(queries))])

    def save(self, directory: Path) -> tuple[str, ...]:
        """Write both arrays; a tree over them is grown again in less time than it takes to read one.

        Raises:
            StorageFailed: the disk is full or failing.
        """
        write_array(self.axes, directory / _AXES_FILE)
        write_array(self.points, directory / _POINTS_FILE)
        return (_AXES_FILE, _POINTS_FILE)

    @classmethod
    def open(cls, directory: Path, *, size: int, dimension: int) -> "Reduced":
        """Read what `save` wrote.

        Raises:
            SnapshotDamaged: files are missing or do not fit the stored vectors.
        """
        axes = read_array(directory / _AXES_FILE, dtype="<f4", dimensions=2)
        points = read_array(directory / _POINTS_FILE, dtype="<f4", dimensions=2)
        if len(axes) != dimension or points.shape != (size, axes.shape[1]):
            raise SnapshotDamaged(f"{directory}: the points and the vectors do not belong together")
        return cls(axes=axes, points=points)
