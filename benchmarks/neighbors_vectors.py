"""Vectors to search, made in blocks, and the true neighbours of queries.

The vectors are synthetic, made like embeddings of photos: 1,000 themes, each with its own 32 directions in which its
motifs and pictures vary (spread 1 and 1.25), motif sizes by a power law, a little noise in all directions, then unit
length. Product quantisation, lists and graphs find them about as hard as published embeddings (recall of the codes
alone 0.8). Queries are further draws, not stored ones.
"""

from collections.abc import Iterator

import numpy as np

K = 10
DIMENSION = 256
QUERIES = 1_000
SHARES = (0.001, 0.01, 0.1, 0.9)
BLOCK = 100_000
_THEMES, _RANK = 1_000, 32


class Themes:
    """What all blocks of a set have in common."""

    def __init__(self, size, seed=0):
        random = np.random.default_rng(seed)
        motifs = max(size // 100, 50)
        self.seed = seed
        self.centres = 0.45 * random.standard_normal((_THEMES, DIMENSION), dtype=np.float32)
        self.bases = random.standard_normal((_THEMES, _RANK, DIMENSION), dtype=np.float32) / np.float32(_RANK**0.5)
        self.theme_of = random.integers(0, _THEMES, motifs)
        share = np.arange(1, motifs + 1) ** -0.7
        self.share = share / share.sum()
        self.motif = random.standard_normal((motifs, _RANK), dtype=np.float32)

    def block(self, number, count):
        """[count, DIMENSION] float32 unit rows: always the same for one number."""
        random = np.random.default_rng([self.seed, number])
        motif_of = random.choice(len(self.share), count, p=self.share)
        order = np.argsort(self.theme_of[motif_of], kind="stable")
        motif_of = motif_of[order]
        bounds = np.searchsorted(self.theme_of[motif_of], np.arange(_THEMES + 1))
        reach = 1.25 * random.uniform(0.5, 1.5, (count, 1)).astype(np.float32)
        within = self.motif[motif_of] + reach * random.standard_normal((count, _RANK), dtype=np.float32)
        vectors = 0.25 * random.standard_normal((count, DIMENSION), dtype=np.float32)
        for theme in range(_THEMES):
            rows = slice(bounds[theme], bounds[theme + 1])
            vectors[rows] += self.centres[theme] + within[rows] @ self.bases[theme]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors[random.permutation(count)]


def blocks(size, seed=0) -> Iterator[np.ndarray]:
    """`size` vectors in blocks of up to BLOCK."""
    themes = Themes(size, seed)
    for number, start in enumerate(range(0, size, BLOCK)):
        yield themes.block(number, min(BLOCK, size - start))


def queries(size, seed=0):
    """[QUERIES, DIMENSION] float32 further draws."""
    return Themes(size, seed).block(1_000_000, QUERIES)


def masks(size):
    """Rows allowed, [size] bool, for each of SHARES."""
    order = np.random.default_rng(1).permutation(size)
    return {share: np.isin(np.arange(size), order[: round(share * size)], assume_unique=True) for share in SHARES}


class Truth:
    """The true neighbours of queries, while vectors go by in blocks.

    Args:
        asking: [queries, dimension] float32.
    """

    def __init__(self, asking):
        self.asking = asking
        self.rows = np.full((len(asking), K), -1, dtype=np.int64)
        self.cosines = np.full((len(asking), K), -np.inf, dtype=np.float32)

    def see(self, vectors, start, allowed=None):
        """Take note of a block whose first vector is row `start`; `allowed` is a bool for each of its rows."""
        rows = np.arange(len(vectors)) if allowed is None else np.flatnonzero(allowed)
        for first in range(0, len(rows), 16_384):
            some = rows[first : first + 16_384]
            cosines = self.asking @ vectors[some].T
            better = cosines > self.cosines[:, -1:]
            for query in np.flatnonzero(better.any(axis=1)):
                places = np.flatnonzero(better[query])
                scored = np.concatenate([self.cosines[query], cosines[query, places]])
                found = np.concatenate([self.rows[query], start + some[places]])
                order = np.argsort(-scored, kind="stable")[:K]
                self.cosines[query], self.rows[query] = scored[order], found[order]


def prepare(folder, size):
    """Write vectors.f16.npy (float16 rows, made block by block), queries.npy and truth.npy into a folder."""
    asking = queries(size)
    truth = Truth(asking)
    stored = np.lib.format.open_memmap(folder / "vectors.f16.npy", mode="w+", dtype=np.float16, shape=(size, DIMENSION))
    start = 0
    for block in blocks(size):
        stored[start : start + len(block)] = block
        truth.see(block, start)
        start += len(block)
    stored.flush()
    np.save(folder / "queries.npy", asking)
    np.save(folder / "truth.npy", truth.rows)


def prepare_given(folder, vectors):
    """The same files of vectors that somebody has: 1,000 of them, drawn at random, are the queries."""
    order = np.random.default_rng(0).permutation(len(vectors))
    stored = np.asarray(vectors[np.sort(order[QUERIES:])], dtype=np.float32)
    asking = np.asarray(vectors[np.sort(order[:QUERIES])], dtype=np.float32)
    truth = Truth(asking)
    truth.see(stored, 0)
    np.save(folder / "vectors.f16.npy", stored.astype(np.float16))
    np.save(folder / "queries.npy", asking)
    np.save(folder / "truth.npy", truth.rows)
