"""Fitting the vectors to a library's own images, without labels, in seconds."""

from dataclasses import replace

import numpy as np

from lookalike.embedding.projection import Projection, fit_projection, pair_cosines, to_vectors
from lookalike.embedding.runtimes import Descriptors
from lookalike.errors import TrainingRefused

_IMAGES_A_DIMENSION = 4
_FEWEST_TO_CENTRE = 50  # a mean of fewer images says more of them than of the library

SHRINKAGE = 30.0
"""Chosen on two sets of photos (see docs/training.md): 10 is worse on both, 100 on one."""


def least_images(dimension: int) -> int:
    """Images that a whitening to so many dimensions needs: a covariance of fewer is noise."""
    return _IMAGES_A_DIMENSION * dimension


def require_images(images: int, dimension: int) -> None:
    """Refuse to fit a whitening to too few images.

    Raises:
        TrainingRefused: there are fewer than 4 a dimension.
    """
    if images < least_images(dimension):
        raise TrainingRefused(
            f"{images} images are too few to fit {dimension} dimensions: index at least {least_images(dimension)},"
            " or ask for fewer dimensions"
        )


def require_images_to_centre(images: int) -> None:
    """Refuse to centre a projection on too few images.

    Raises:
        TrainingRefused: there are fewer than 50.
    """
    if images < _FEWEST_TO_CENTRE:
        raise TrainingRefused(f"{images} images are too few to fit a model to: index at least {_FEWEST_TO_CENTRE}")


def centred_on(vectors: Descriptors, projection: Projection) -> Projection:
    """The same axes, with the mean of a library that is too small to have axes of its own.

    Args:
        vectors: [images, d] float32, raw descriptors of the library's images.
        projection: that came with the model.
    """
    moved = replace(projection, mean=vectors.mean(axis=0, dtype=np.float64).astype(np.float32))
    share = np.full(len(vectors), 1 / len(vectors))
    return replace(moved, reference_cosines=pair_cosines(to_vectors(vectors, moved), share))


def fit_whitening(vectors: Descriptors, dimension: int, shrinkage: float = SHRINKAGE) -> Projection:
    """Whitening of a library's own features, so that what all images share no longer counts.

    Args:
        vectors: [images, d] float32, raw descriptors (`Encoder.descriptors`) of the library's images.
        dimension: of the new vectors.
        shrinkage: see `embedding.projection.fit_projection`. The shipped projections, fitted on many kinds of photos,
            use 0.3; in one kind of photos the lesser axes carry more noise, so this default holds them smaller.

    Raises:
        TrainingRefused: fewer images than 4 a dimension (a covariance of less is noise), a dimension that is not 1 to
            d, or values that are not finite.
    """
    images, width = vectors.shape
    if not 1 <= dimension <= width:
        raise TrainingRefused(f"dimension {dimension}: must be from 1 to the {width} of the descriptors")
    require_images(images, dimension)
    if not np.isfinite(vectors).all():
        raise TrainingRefused("a descriptor is not finite")
    return fit_projection(vectors, dimension=dimension, shrinkage=shrinkage)
