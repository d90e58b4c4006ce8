"""Learning the centroids, and filling the lists."""

import faiss
import numpy as np

from lookalike.neighbors.exact import rounded
from lookalike.neighbors.ivfpq.parameters import IvfPqBuild
from lookalike.neighbors.threads import SUMS, cores, openmp_threads
from lookalike.neighbors.vector_file import no_vectors
from lookalike.types import Rows, Vectors

ADD_BLOCK = 65_536
"""Rows added at once. Sums in last digits depend on it, so whoever builds from blocks cuts them to this size."""

_CODED_LISTS = 512
"""From so many lists on the nearest are found by codes of their centroids: comparing a query with every centroid would
take a third of its time, and more the larger the library."""

_DIMENSIONS_A_CODE = 4
_CENTROIDS_COMPARED = 4  # for each probe; measured: of 16 lists 13 to 14 are the nearest, and the missing are as good

_CODEBOOK_ROWS = 8_192
_CODEBOOK_ITERATIONS = 6
_FEWEST_TRAINING_ROWS = 1_024
_ROUNDS = ((10, 4), (40, 2), (100, 1), (200, 1))
"""(rows a centroid, iterations): k-means settles on few rows, then is corrected on many.

As good as ten iterations over 200 rows a centroid for a sixth of the time. Few rows alone are not: with 40 a
centroid the same probes reach 1.5 points less recall than with 200. Nor is one look at them: 1 point less.
"""


@SUMS.building()
def built(vectors: Vectors, parameters: IvfPqBuild, *, threads: int | None) -> faiss.Index:
    """A filled Faiss index: `IndexRefine` over `IndexIVFPQFastScan`, or the latter alone without refine.

    The result does not depend on `threads`.

    Args:
        vectors: [size, dimension] float32 unit rows.
        parameters: of the index.
        threads: None for all cores.
    """
    with openmp_threads(threads or cores()):
        lists = trained(vectors[training_rows(len(vectors), parameters)], parameters)
        index = refined(lists, no_vectors(lists.d)) if parameters.refine else lists
        for start in range(0, len(vectors), ADD_BLOCK):
            index.add(rounded(vectors[start : start + ADD_BLOCK]))
        find_lists_by_codes(lists, parameters)
    return index


def find_lists_by_codes(lists: faiss.IndexIVFPQFastScan, parameters: IvfPqBuild) -> None:
    """Let queries find their lists by codes of the centroids, the best of which are compared themselves.

    A query's lists then do not depend on the queries beside it either. Call it when the lists are full: a vector that
    is added belongs into the list that is truly nearest.
    """
    dimension = lists.d
    if not _coded(parameters.lists, dimension):
        return
    centroids = lists.quantizer.reconstruct_n(0, parameters.lists)
    codes = faiss.IndexPQFastScan(dimension, dimension // _DIMENSIONS_A_CODE, 4, faiss.METRIC_INNER_PRODUCT)
    codes.pq.cp.min_points_per_centroid = 1
    codes.pq.cp.seed = parameters.seed
    with openmp_threads(1):
        codes.train(centroids)
        quantizer = faiss.IndexRefineFlat(codes)
        quantizer.add(centroids)
    quantizer.k_factor = _CENTROIDS_COMPARED
    codes.this.disown()
    quantizer.own_fields = True
    quantizer.this.disown()
    before = lists.quantizer
    lists.quantizer = quantizer
    before.thisown = True  # frees the one that nobody asks any more


def centroid_bytes(lists: int, dimension: int) -> int:
    """What the centroid of a list takes in memory, with its codes if there are such."""
    return 4 * dimension + (dimension // _DIMENSIONS_A_CODE // 2 if _coded(lists, dimension) else 0)


def _coded(lists: int, dimension: int) -> bool:
    return lists >= _CODED_LISTS and dimension % _DIMENSIONS_A_CODE == 0


def refined(lists: faiss.IndexIVFPQFastScan, kept: faiss.IndexScalarQuantizer) -> faiss.IndexRefine:
    """Lists whose candidates are scored by the vectors kept beside them. Takes over both."""
    index = faiss.IndexRefine(lists, kept)
    lists.this.disown()
    kept.this.disown()
    index.own_fields = True
    index.own_refine_index = True
    return index


def training_rows(size: int, parameters: IvfPqBuild) -> Rows:
    """Which of `size` rows to learn from, in random order."""
    used = max(parameters.lists * max(rows for rows, _ in _ROUNDS), _CODEBOOK_ROWS)
    random = np.random.default_rng(parameters.seed)
    return random.permutation(size)[: min(parameters.training_rows, used)]


def trained(sample: Vectors, parameters: IvfPqBuild) -> faiss.IndexIVFPQFastScan:
    """Empty lists with their centroids and codebooks.

    Args:
        sample: [n, dimension] float32, the `training_rows`.
        parameters: of the index.
    """
    sample = _filled_up(sample, parameters)
    dimension = sample.shape[1]
    quantizer = faiss.IndexFlatIP(dimension)
    quantizer.add(_centroids(sample, parameters))
    base = faiss.IndexIVFPQFastScan(
        quantizer, dimension, parameters.lists, parameters.subquantizers, 4, faiss.METRIC_INNER_PRODUCT
    )
    quantizer.this.disown()
    base.own_fields = True
    base.by_residual = True  # codes of what the centroid leaves over: half the candidates for the same recall
    base.pq.cp.niter = _CODEBOOK_ITERATIONS
    base.pq.cp.max_points_per_centroid = _CODEBOOK_ROWS // 16
    base.pq.cp.min_points_per_centroid = 1
    base.pq.cp.seed = parameters.seed
    with openmp_threads(1):  # thousands of tiny parallel loops: on a busy machine two threads take ten times as long
        base.train(sample[:_CODEBOOK_ROWS])
    return base


def _filled_up(sample: Vectors, parameters: IvfPqBuild) -> Vectors:
    """A tiny library is filled up with random directions so that it can be trained on at all."""
    missing = max(_FEWEST_TRAINING_ROWS, parameters.lists) - len(sample)
    if missing <= 0:
        return sample
    random = np.random.default_rng([parameters.seed, missing])
    filling = random.standard_normal((missing, sample.shape[1]), dtype=np.float32)
    filling /= np.linalg.norm(filling, axis=1, keepdims=True)
    return np.concatenate([sample, filling])


def _centroids(sample: Vectors, parameters: IvfPqBuild) -> Vectors:
    """[lists, dimension] unit centroids by spherical k-means."""
    centroids = sample[: parameters.lists]
    for rows_a_centroid, iterations in _ROUNDS:
        clustering = faiss.Kmeans(
            sample.shape[1],
            parameters.lists,
            niter=iterations,
            spherical=True,
            seed=parameters.seed,
            min_points_per_centroid=1,
            max_points_per_centroid=len(sample),
        )
        clustering.train(sample[: parameters.lists * rows_a_centroid], init_centroids=centroids)
        centroids = np.ascontiguousarray(clustering.centroids, dtype=np.float32)
    return centroids
