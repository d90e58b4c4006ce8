"""A small model's features are mapped to a large model's vectors, in closed form and without labels or torch.

What is learnt is ridge regression from the features of the small model (descriptors, or those of several depths) to the
vectors that the large model, the teacher, gives the same images. It is one matrix, so what comes out is a `Projection`
as every model has one, and takes seconds once both models' features are cached (see `features.describe_images`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.embedding.projection import Projection, pair_cosines
from lookalike.embedding.runtimes import Descriptors
from lookalike.errors import TrainingRefused
from lookalike.neighbors import unit_rows
from lookalike.training.chance import chance_for
from lookalike.training.side_by_side import side_by_side
from lookalike.types import Vectors

RIDGES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Tried by `choose_ridge`, in units of the features' mean squared length."""

_FEWEST = 8
_MOST_COMPARED = 2_000
_SMALLEST = 1e-12

_Rows: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RidgeChoice:
    """The ridge that keeps the teacher's similarities best, on images that the regression did not see.

    Attributes:
        ridge: the best one.
        agreement: ridge -> correlation, -1 to 1, of the student's cosines with the teacher's over all pairs of held-out
            images, the mean of the folds. It needs no labels.
    """

    ridge: float
    agreement: Mapping[float, float]


def fit_distilled(
    features: Descriptors,
    teacher_vectors: Vectors,
    *,
    dimension: int | None = None,
    ridge: float | None = None,
    groups: Sequence[str] | None = None,
) -> Projection:
    """The projection whose vectors come nearest to the teacher's, by least squares with a penalty on its length.

    The mean of the teacher's vectors is left out, as that of the features is: what all images have in common tells none
    of them apart. Hoerl and Kennard 1970, "Ridge regression: biased estimation for nonorthogonal problems".

    Args:
        features: [images, d] float32 of the student.
        teacher_vectors: [images, e] float32 unit rows in the same order.
        dimension: of the vectors, at most e; None for e. With fewer, the axes along which the predictions vary most
            are kept (reduced-rank regression).
        ridge: the penalty, as a share of the features' mean squared length; None to choose it by `choose_ridge`.
        groups: of near-duplicates, one name an image; used when the ridge is chosen. None when there are none.

    Raises:
        TrainingRefused: fewer than 8 images, not as many features as vectors, a value that is not finite, features or
            vectors that are all the same, or a dimension or ridge outside its range.
    """
    rows, targets = _checked(features, teacher_vectors)
    kept = targets.shape[1] if dimension is None else dimension
    if not 1 <= kept <= targets.shape[1]:
        raise TrainingRefused(f"dimension {kept}: must be from 1 to the {targets.shape[1]} of the teacher's vectors")
    if ridge is None:
        ridge = choose_ridge(features, teacher_vectors, groups=groups).ridge
    elif not 0 < ridge < np.inf:
        raise TrainingRefused(f"ridge {ridge}: must be above 0 and finite")
    mean = rows.mean(axis=0)
    matrix = _Regression(rows - mean, targets - targets.mean(axis=0)).matrix(ridge)
    if kept < matrix.shape[1]:
        predicted = (rows - mean) @ matrix
        matrix = matrix @ np.linalg.eigh(predicted.T @ predicted)[1][:, ::-1][:, :kept]
    return _as_projection(rows, mean, matrix)


def fit_beside(
    features: Descriptors,
    teacher_vectors: Vectors,
    own: Projection,
    *,
    dimension: int | None = None,
    groups: Sequence[str] | None = None,
) -> Projection:
    """What the student knew, beside what `fit_distilled` makes of its features; the principal axes of the pair.

    A teacher is not better than its student on every kind of photo, and without labels nothing shows where it is not.

    Args:
        features: [images, d] float32 of the student.
        teacher_vectors: [images, e] float32 unit rows in the same order.
        own: the student's projection of these features.
        dimension: of the vectors, at most that of `own` and e together; None for that of `own`.
        groups: see `fit_distilled`.

    Raises:
        TrainingRefused: see `fit_distilled`.
    """
    taught = fit_distilled(features, teacher_vectors, groups=groups)
    most, kept = own.dimension + taught.dimension, own.dimension if dimension is None else dimension
    if not 1 <= kept <= most:
        raise TrainingRefused(f"dimension {kept}: must be from 1 to {most}, the student's and the teacher's together")
    return side_by_side(features, (own, taught), dimension=kept)


def choose_ridge(
    features: Descriptors,
    teacher_vectors: Vectors,
    *,
    groups: Sequence[str] | None = None,
    ridges: Sequence[float] = RIDGES,
    folds: int = 3,
) -> RidgeChoice:
    """Cross-validation: each part of the images is predicted by a regression on the others.

    Args:
        features: [images, d] float32 of the student.
        teacher_vectors: [images, e] float32 unit rows in the same order.
        groups: of near-duplicates, one name an image; a group is in one part. None when there are none.
        ridges: to choose from; of equal ones the largest is taken.
        folds: parts.

    Raises:
        TrainingRefused: see `fit_distilled`; or all images are near-duplicates of each other.
    """
    rows, targets = _checked(features, teacher_vectors)
    part_of = parts_of([str(number) for number in range(len(rows))] if groups is None else groups, folds)
    if len(part_of) != len(rows):
        raise TrainingRefused(f"{len(part_of)} group names for {len(rows)} images")
    found: dict[float, list[float]] = {float(ridge): [] for ridge in ridges}
    for part in np.unique(part_of).tolist():
        seen, unseen = np.flatnonzero(part_of != part), np.flatnonzero(part_of == part)[:_MOST_COMPARED]
        if len(seen) < 2 or len(unseen) < 3:  # noqa: PLR2004 - two pairs at least have a correlation
            continue
        mean, centre = rows[seen].mean(axis=0), targets[seen].mean(axis=0)
        regression = _Regression(rows[seen] - mean, targets[seen] - centre)
        for agreements, predicted in zip(
            found.values(), regression.predicted(rows[unseen] - mean, list(found)), strict=True
        ):
            agreements.append(_agreement(predicted, targets[unseen] - centre))
    if not all(found.values()):
        raise TrainingRefused("there are too few images, or they are too similar, to choose a ridge: give one")
    means = {ridge: float(np.mean(agreements)) for ridge, agreements in found.items()}
    best = max(means, key=lambda ridge: (means[ridge], ridge))
    return RidgeChoice(ridge=best, agreement=MappingProxyType(means))


def parts_of(groups: Sequence[str], parts: int) -> NDArray[np.int64]:
    """Into which of so many parts each image goes, [images] from 0; a group is never divided.

    Groups are taken in the order of a draw of their own, each into the part that has fewest images yet, so parts are
    about the same size. The same groups always give the same parts.
    """
    sizes: dict[str, int] = {}
    for group in groups:
        sizes[group] = sizes.get(group, 0) + 1
    names = sorted(sizes)
    filled = [0] * parts
    part_of = {}
    for place in chance_for("distilled parts", 0, 0).permutation(len(names)).tolist():
        least = filled.index(min(filled))
        part_of[names[place]] = least
        filled[least] += sizes[names[place]]
    return np.array([part_of[group] for group in groups], np.int64)


class _Regression:
    """Solved once for all ridges, in the smaller of the two spaces: that of the features or that of the images.

    Args:
        rows: [n, d], their mean taken away.
        targets: [n, e] likewise.
    """

    def __init__(self, rows: _Rows, targets: _Rows) -> None:
        self._unit = float(np.square(rows).sum()) / len(rows)
        self._span = rows if rows.shape[1] > rows.shape[0] else None
        values, self._axes = np.linalg.eigh(rows.T @ rows if self._span is None else rows @ rows.T)
        self._values = np.maximum(values, 0.0)
        self._targets = self._axes.T @ (rows.T @ targets if self._span is None else targets)

    def matrix(self, ridge: float) -> _Rows:
        """[d, e]."""
        solved: _Rows = self._axes @ self._solved(ridge)
        return solved if self._span is None else self._span.T @ solved

    def predicted(self, rows: _Rows, ridges: Sequence[float]) -> list[_Rows]:
        """`rows @ matrix(ridge)` for each ridge; with many ridges much cheaper than by their matrices."""
        along = (rows if self._span is None else rows @ self._span.T) @ self._axes
        return [along @ self._solved(ridge) for ridge in ridges]

    def _solved(self, ridge: float) -> _Rows:
        solved: _Rows = self._targets / (self._values + ridge * self._unit)[:, None]
        return solved


def _checked(features: Descriptors, teacher_vectors: Vectors) -> tuple[_Rows, _Rows]:
    if features.ndim != 2 or teacher_vectors.ndim != 2 or len(features) != len(teacher_vectors):  # noqa: PLR2004
        raise TrainingRefused(
            f"features {features.shape} and the teacher's vectors {teacher_vectors.shape} must be rows of the same"
            " images"
        )
    if len(features) < _FEWEST:
        raise TrainingRefused(f"{len(features)} images are too few for distillation: use at least {_FEWEST}")
    if not (np.isfinite(features).all() and np.isfinite(teacher_vectors).all()):
        raise TrainingRefused("a feature or a teacher's vector is not finite")
    if not (np.ptp(features, axis=0).any() and np.ptp(teacher_vectors, axis=0).any()):
        raise TrainingRefused("all images have the same features, or the same vectors: there is nothing to learn")
    return features.astype(np.float64), teacher_vectors.astype(np.float64)


def _agreement(predicted: _Rows, wanted: _Rows) -> float:
    """Correlation of the cosines of all pairs."""
    pairs = np.triu_indices(len(predicted), 1)
    first, second = ((rows @ rows.T)[pairs] for rows in (unit_rows(predicted), unit_rows(wanted)))
    first, second = first - first.mean(), second - second.mean()
    return float(first @ second / max(np.sqrt((first @ first) * (second @ second)), _SMALLEST))


def _as_projection(rows: _Rows, mean: _Rows, matrix: _Rows) -> Projection:
    largest = float(np.abs(matrix).max())
    if largest == 0:
        raise TrainingRefused("the features say nothing about the teacher's vectors")
    stored = (matrix / largest).astype(np.float16).astype(np.float32)  # the scale is lost in unit rows
    # by BLAS, not bit by bit as they are served: only quantiles are taken of them
    vectors = unit_rows((rows - mean) @ stored).astype(np.float32)
    cosines = pair_cosines(vectors, np.full(len(rows), 1 / len(rows)))
    return Projection(mean=mean.astype(np.float32), matrix=stored, reference_cosines=cosines)
