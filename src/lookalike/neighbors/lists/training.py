"""Centroids, and how many of them suit a library."""

import math

import faiss
import numpy as np

from lookalike.neighbors.threads import cores, openmp_threads
from lookalike.types import Rows, Vectors

ADD_BLOCK = 65_536
_ROWS_A_LIST = 200
_MOST_LISTS = 16_384
_FEWEST_TRAINING_ROWS = 1_024
_ROUNDS = ((10, 5), (40, 2), (200, 2))  # (rows a centroid, iterations): settles on few rows, then is corrected on many


def usual_lists(size: int) -> int:
    """One list for 200 rows, but no more than 4 sqrt(size): beyond, finding lists costs more than scanning them."""
    wanted = min(size / _ROWS_A_LIST, 4 * math.sqrt(size), _MOST_LISTS)
    return int(2 ** max(round(math.log2(wanted)), 0)) if wanted > 1 else 1


def usual_probes(lists: int) -> int:
    """What finds 19 of 20 true neighbours in most libraries: the square root of the lists, and 16 at least."""
    return min(max(16, round(math.sqrt(lists))), lists)


def probe_steps(lists: int) -> tuple[int, ...]:
    """From one list to all of them."""
    steps = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 256, 512)
    return (*(probes for probes in steps if probes < lists), lists)


def training_sample(vectors: Vectors, *, lists: int, at_most: int, seed: int) -> Vectors:
    """Rows in random order; tiny libraries are filled up with random directions so that anything can be learned.

    Args:
        vectors: [size, dimension] float32.
        lists: centroids to learn.
        at_most: rows.
        seed: of the order.
    """
    rows: Rows = np.random.default_rng(seed).permutation(len(vectors))[: min(at_most, 200 * lists + 65_536)]
    missing = max(_FEWEST_TRAINING_ROWS, lists) - len(rows)
    if missing <= 0:
        return vectors[rows]
    filling = np.random.default_rng([seed, missing]).standard_normal((missing, vectors.shape[1]), dtype=np.float32)
    filling /= np.linalg.norm(filling, axis=1, keepdims=True)
    return np.concatenate([vectors[rows], filling])


def trained_quantizer(sample: Vectors, *, lists: int, seed: int, threads: int | None) -> faiss.IndexFlatIP:
    """Unit centroids by spherical k-means; the same whatever the threads.

    Args:
        sample: [n, dimension] float32, n at least `lists`, in random order.
        lists: centroids to learn.
        seed: where two centroids must be told apart.
        threads: None for all cores.
    """
    centroids = sample[:lists]
    with openmp_threads(threads or cores()):
        for rows_a_centroid, iterations in _ROUNDS:
            clustering = faiss.Kmeans(
                sample.shape[1],
                lists,
                niter=iterations,
                spherical=True,
                seed=seed,
                min_points_per_centroid=1,
                max_points_per_centroid=len(sample),
            )
            clustering.train(sample[: lists * rows_a_centroid], init_centroids=centroids)
            centroids = np.ascontiguousarray(clustering.centroids, dtype=np.float32)
    quantizer = faiss.IndexFlatIP(sample.shape[1])
    quantizer.add(centroids)
    return quantizer
