"""From raw descriptors to unit vectors: PCA whitening with shrinkage, fitted once and shipped with a model."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.embedding.runtimes import Descriptors
from lookalike.errors import InternalFault, ModelRefused
from lookalike.types import Vectors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Projection:
    """`(descriptor - mean) @ matrix`, to be scaled to unit length.

    Attributes:
        mean: [d] float32.
        matrix: [d, dimension] float32 with values that float16 holds exactly.
        reference_cosines: [n] float32 ascending: equally weighted quantiles of the cosines of random pairs of the
            images it was fitted on, as a stand-in for a library that is too small to have its own.
    """

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]
    reference_cosines: NDArray[np.float32]

    @property
    def dimension(self) -> int:
        """Dimension of the resulting vectors."""
        return int(self.matrix.shape[1])

    def digest(self) -> str:
        """SHA-256 of what changes a vector: the mean and the matrix."""
        parts = (self.mean.astype("<f4").tobytes(), self.matrix.astype("<f2").tobytes())
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def save(self, file: Path) -> None:
        """Writes an `.npz` whose matrix is float16."""
        np.savez_compressed(
            file,
            mean=self.mean.astype("<f4"),
            matrix=self.matrix.astype("<f2"),
            reference_cosines=self.reference_cosines.astype("<f4"),
        )

    @classmethod
    def load(cls, file: Path) -> "Projection":
        """Reads what `save` wrote.

        Raises:
            ModelRefused: missing, damaged, or of shapes that do not fit together.
        """
        try:
            with np.load(file, allow_pickle=False) as arrays:
                mean = arrays["mean"].astype(np.float32)
                matrix = arrays["matrix"].astype(np.float32)
                cosines = arrays["reference_cosines"].astype(np.float32)
        except Exception as error:  # noqa: BLE001 - a damaged zip raises what its layers happen to raise
            raise ModelRefused(f"{file}: not a readable projection: {error}") from None
        fits = mean.ndim == 1 and matrix.ndim == 2 and mean.size == matrix.shape[0] and cosines.ndim == 1  # noqa: PLR2004
        finite = all(np.isfinite(array).all() for array in (mean, matrix, cosines))
        if not fits or not finite:
            raise ModelRefused(f"{file}: shapes {mean.shape}, {matrix.shape} or values do not make a projection")
        return cls(mean=mean, matrix=np.ascontiguousarray(matrix), reference_cosines=np.sort(cosines))


def to_vectors(descriptors: Descriptors, projection: Projection | None) -> Vectors:
    """Unit rows, [images, dimension] float32; a row's bits do not depend on the other rows.

    Each row is computed alone and without BLAS, whose result may depend on the batch and the number of threads. A row
    without length (a model that says nothing about an image) becomes the direction of equal parts.

    Raises:
        InternalFault: a descriptor is not finite.
    """
    if not np.isfinite(descriptors).all():
        raise InternalFault("the model gave a descriptor that is not finite")
    width = descriptors.shape[1] if projection is None else projection.dimension
    vectors = np.empty((len(descriptors), width), np.float32)
    for number, descriptor in enumerate(descriptors):
        row = descriptor if projection is None else _project(descriptor, projection)
        length = np.sqrt(np.sum(np.square(row, dtype=np.float64)))
        vectors[number] = row / length if length > 0 else 1 / np.sqrt(width)
    return vectors


def _project(descriptor: NDArray[np.float32], projection: Projection) -> NDArray[np.float32]:
    row: NDArray[np.float32] = np.einsum("d,dk->k", descriptor - projection.mean, projection.matrix)
    return row


def fit_projection(
    descriptors: Descriptors,
    *,
    dimension: int,
    shrinkage: float = 0.3,
    weights: NDArray[np.float64] | None = None,
    quantiles: int = 5_001,
) -> Projection:
    """PCA whitening, as `U[:, :k] / sqrt(w[:k] + shrinkage * mean(w[:k]))` with the covariance's eigen-pairs (w, U).

    Plain whitening raises the directions that carry only noise to the size of all others; the shrinkage keeps them
    small (Ledoit and Wolf's idea on the spectrum). See Jégou and Chum, "Negative evidences and co-occurrences in image
    retrieval", 2012.

    Args:
        descriptors: [images, d] float32 of unlabelled images.
        dimension: k, of the vectors.
        shrinkage: share of the mean kept eigenvalue that is added to each.
        weights: [images], one a row; None for equal ones.
        quantiles: how many quantiles of random-pair cosines to keep.
    """
    rows = descriptors.astype(np.float64)
    share = np.full(len(rows), 1 / len(rows)) if weights is None else weights / weights.sum()
    mean = share @ rows
    centred = (rows - mean) * np.sqrt(share)[:, None]
    values, axes = np.linalg.eigh(centred.T @ centred)
    values, axes = values[::-1][:dimension], axes[:, ::-1][:, :dimension]
    matrix = axes / np.sqrt(values + shrinkage * values.mean())
    matrix = (matrix / np.abs(matrix).max()).astype(np.float16).astype(np.float32)  # the scale is lost in unit rows
    projection = Projection(mean=mean.astype(np.float32), matrix=matrix, reference_cosines=np.empty(0, np.float32))
    vectors = to_vectors(descriptors, projection)
    return Projection(mean=projection.mean, matrix=matrix, reference_cosines=pair_cosines(vectors, share, quantiles))


def pair_cosines(vectors: Vectors, share: NDArray[np.float64], quantiles: int = 5_001) -> NDArray[np.float32]:
    """Evenly spaced quantiles of the cosines of a million random pairs of different rows, ascending.

    Args:
        vectors: [images, dimension] float32 unit rows.
        share: [images], how likely each is drawn; they sum to 1.
        quantiles: how many.
    """
    chance = np.random.default_rng(20_240_101)
    left, right = chance.choice(len(vectors), size=(2, 1_000_000), p=share)
    left, right = left[left != right], right[left != right]
    cosines = np.concatenate(
        [
            np.einsum("nd,nd->n", vectors[left[start : start + 50_000]], vectors[right[start : start + 50_000]])
            for start in range(0, len(left), 50_000)
        ]
    )
    table: NDArray[np.float32] = np.quantile(cosines, np.linspace(0, 1, quantiles)).astype(np.float32)
    return table
