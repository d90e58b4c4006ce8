"""Two projections of the same features as one, so that what is learnt stands beside what a model knew."""

from collections.abc import Sequence

import numpy as np

from lookalike.embedding.projection import Projection, pair_cosines
from lookalike.embedding.runtimes import Descriptors
from lookalike.neighbors import unit_rows


def side_by_side(features: Descriptors, projections: Sequence[Projection], *, dimension: int) -> Projection:
    """The principal axes of several projections' vectors, each of the same length on average.

    What is learnt without labels may be wrong for a kind of photos, and nothing shows it. Beside what the model knew it
    counts for half: the mean of both cosines ranked better than the model alone on each kind of
    benchmarks/learning_by_kind.py, also where what was learnt ranked worse.

    Args:
        features: [images, d] float32 of a library's images; their mean is taken away.
        projections: of these features.
        dimension: of the vectors, at most that of all projections together.
    """
    rows = features.astype(np.float64)
    mean = rows.mean(axis=0)
    rows -= mean
    matrices = [projection.matrix.astype(np.float64) for projection in projections]
    joined = np.hstack([matrix / np.sqrt(np.square(rows @ matrix).sum(axis=1).mean()) for matrix in matrices])
    made = rows @ joined
    matrix = joined @ np.linalg.eigh(made.T @ made)[1][:, ::-1][:, :dimension]
    stored = (matrix / np.abs(matrix).max()).astype(np.float16).astype(np.float32)  # the scale is lost in unit rows
    # by BLAS, not bit by bit as they are served: only quantiles are taken of them
    cosines = pair_cosines(unit_rows(rows @ stored).astype(np.float32), np.full(len(rows), 1 / len(rows)))
    return Projection(mean=mean.astype(np.float32), matrix=stored, reference_cosines=cosines)
