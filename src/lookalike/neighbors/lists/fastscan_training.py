"""Learning the centroids and codebooks of 4-bit codes, and finding lists by codes of their centroids."""

import faiss

from lookalike.neighbors.lists.fastscan_parameters import IvfPqBuild
from lookalike.neighbors.lists.training import filled_up, trained_quantizer
from lookalike.neighbors.threads import openmp_threads
from lookalike.types import Vectors

_CODED_LISTS = 512
"""From so many lists on the nearest are found by codes of their centroids: comparing a query with every centroid would
take a third of its time, and more the larger the library."""

_DIMENSIONS_A_CODE = 4
_CENTROIDS_COMPARED = 4  # for each probe; measured: of 16 lists 13 to 14 are the nearest, and the missing are as good

_CODEBOOK_ROWS = 8_192
_CODEBOOK_ITERATIONS = 6


def trained(sample: Vectors, parameters: IvfPqBuild, *, threads: int | None) -> faiss.IndexIVFPQFastScan:
    """Empty lists with their centroids and codebooks; the same whatever the threads.

    Args:
        sample: [n, dimension] float32, the `training_rows`.
        parameters: of the index.
        threads: None for all cores.
    """
    sample = filled_up(sample, parameters.lists, parameters.seed)
    dimension = sample.shape[1]
    quantizer = trained_quantizer(sample, lists=parameters.lists, seed=parameters.seed, threads=threads)
    lists = faiss.IndexIVFPQFastScan(
        quantizer, dimension, parameters.lists, parameters.subquantizers, 4, faiss.METRIC_INNER_PRODUCT
    )
    quantizer.this.disown()
    lists.own_fields = True
    lists.by_residual = True  # codes of what the centroid leaves over: half the candidates for the same recall
    lists.pq.cp.niter = _CODEBOOK_ITERATIONS
    lists.pq.cp.max_points_per_centroid = _CODEBOOK_ROWS // 16
    lists.pq.cp.min_points_per_centroid = 1
    lists.pq.cp.seed = parameters.seed
    with openmp_threads(1):  # thousands of tiny parallel loops: on a busy machine two threads take ten times as long
        lists.train(sample[:_CODEBOOK_ROWS])
    return lists


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
