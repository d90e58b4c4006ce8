"""Unit vectors for tests of searching, and the slowest possible search."""

import numpy as np


def unit(vectors):
    vectors = np.asarray(vectors, dtype=np.float32)
    return np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def clustered(size, dimension=32, *, clusters=40, rank=8, seed=0):
    """Unit vectors like real embeddings: clusters that each vary in a few directions only."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((clusters, dimension))
    bases = random.standard_normal((clusters, rank, dimension)) / np.sqrt(rank)
    which = random.integers(0, clusters, size)
    within = np.einsum("nr,nrd->nd", random.standard_normal((size, rank)), bases[which])
    return unit(centres[which] + 0.7 * within + 0.1 * random.standard_normal((size, dimension)))


def slow_search(stored, query, k, mask=None):
    """A plain loop: the oracle's oracle."""
    scored = [
        (-min(float(np.float32(sum(float(a) * float(b) for a, b in zip(query, row, strict=True)))), 1.0), place)
        for place, row in enumerate(stored)
        if mask is None or mask[place]
    ]
    return [place for _, place in sorted(scored)[:k]]
