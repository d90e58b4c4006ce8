"""Centroids, and how many of them suit a library."""

import math

import faiss
import numpy as np

from lookalike.neighbors.threads import cores, openmp_threads
from lookalike.types import Rows, Vectors

ADD_BLOCK = 65_536
"""Rows added at once. Sums in last digits depend on it, so whoever builds from blocks cuts them to this size."""

TRAINING_ROWS = 1_000_000
"""Vectors that centroids are learned from, at most, unless somebody says otherwise."""

_ROWS_A_LIST = 200
_MOST_LISTS = 16_384
_FEWEST_TRAINING_ROWS = 1_024
_CODEBOOK_ROWS = 16_384  # what codebooks are learned from needs no more
_ROUNDS = ((10, 4), (40, 2), (100, 1), (200, 1))
"""(rows a centroid, iterations): k-means settles on few rows, then is corrected on many.

As good as ten iterations over 200 rows a centroid for a sixth of the time. Few rows alone are not: with 40 a
centroid the same probes reach 1.5 points less recall than with 200. Nor is one look at them: 1 point less.
"""


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


def training_rows(size: int, *, lists: int, at_most: int, seed: int) -> Rows:
    """Which of `size` rows to learn from, in random order.

    Args:
        size: rows in all.
        lists: centroids to learn.
        at_most: rows.
        seed: of the order.
    """
    used = max(lists * max(rows for rows, _ in _ROUNDS), _CODEBOOK_ROWS)
    return np.random.default_rng(seed).permutation(size)[: min(at_most, used)]


def training_sample(vectors: Vectors, *, lists: int, at_most: int, seed: int) -> Vectors:
    """What to learn from, [n, dimension] float32: `training_rows`, filled up.

    Args:
        vectors: [size, dimension] float32.
        lists: centroids to learn.
        at_most: rows.
        seed: of the order.
    """
    return filled_up(vectors[training_rows(len(vectors), lists=lists, at_most=at_most, seed=seed)], lists, seed)


def filled_up(sample: Vectors, lists: int, seed: int) -> Vectors:
    """A tiny library is filled up with random directions so that anything can be learned from it at all."""
    missing = max(_FEWEST_TRAINING_ROWS, lists) - len(sample)
    if missing <= 0:
        return sample
    filling = np.random.default_rng([seed, missing]).standard_normal((missing, sample.shape[1]), dtype=np.float32)
    filling /= np.linalg.norm(filling, axis=1, keepdims=True)
    return np.concatenate([sample, filling])


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
