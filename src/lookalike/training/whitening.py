"""Fitting the vectors to a library's own images, without labels, in seconds."""

import numpy as np

from lookalike.embedding.projection import Projection, fit_projection
from lookalike.embedding.runtimes import Descriptors
from lookalike.errors import TrainingRefused

_IMAGES_A_DIMENSION = 4

SHRINKAGE = 30.0
"""Chosen on two sets of photos (see docs/training.md): 10 is worse on both, 100 on one."""


def fit_whitening(vectors: Descriptors, dimension: int, shrinkage: float = SHRINKAGE) -> Projection:
    """Whitening of a library's own descriptors: what is the same in all of its images stops counting.

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
    if images < _IMAGES_A_DIMENSION * dimension:
        raise TrainingRefused(
            f"{images} images are too few to fit {dimension} dimensions: index at least"
            f" {_IMAGES_A_DIMENSION * dimension}, or ask for fewer dimensions"
        )
    if not np.isfinite(vectors).all():
        raise TrainingRefused("a descriptor is not finite")
    return fit_projection(vectors, dimension=dimension, shrinkage=shrinkage)
