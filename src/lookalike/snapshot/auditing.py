"""What must be true of a snapshot before anybody searches it: its files, compared with what was to be in them.

Checksums say that files are as they were written, not that they were written right. This finds a backend, a library or
a machine that lost rows, mixed them up, or returns what the mask forbids.
"""

import numpy as np
from numpy.typing import NDArray

from lookalike.neighbors import AllowedRows, VectorIndex
from lookalike.snapshot.recall import HalfVectors, sampled_rows
from lookalike.snapshot.rows import SnapshotRows
from lookalike.snapshot.stored import Snapshot
from lookalike.types import Mask, Vectors

_SEED = 20_261_130
_VECTORS = 200
_LEAST_COSINE = 0.998  # of a vector that is kept as float16, or in a file of them
_QUERIES = 3
_K = 10
_FEW = (1, 7, 100)  # rows that masks allow


def audit(snapshot: Snapshot, rows: SnapshotRows) -> list[str]:
    """What is wrong with a snapshot, one sentence each; empty where it holds what it was built from.

    Each row of each image is there once and in order; sampled vectors are those of their rows; a search under the mask
    of public images, or of a few of them, returns as many rows as there are up to k, each once, and none that is not
    allowed.

    Args:
        snapshot: opened from its files, not published yet.
        rows: what it was built from.
    """
    expected = np.array(rows.image_ids, snapshot.image_ids.dtype)
    if not np.array_equal(snapshot.image_ids, expected) or not np.array_equal(snapshot.regions, _regions(rows)):
        return ["its ids are not those of the catalog"]
    if not np.array_equal(snapshot.visible, rows.public()):
        return ["its visibilities are not those of the catalog"]
    problems = _wrong_vectors(snapshot.index, rows.vectors)
    public = np.flatnonzero(rows.public())
    rng = np.random.default_rng(_SEED)
    for most in (len(public), *(count for count in _FEW if count < len(public))):
        allowed = np.zeros(len(rows), bool)
        allowed[public if most == len(public) else rng.choice(public, most, replace=False)] = True
        problems += _wrong_hits(snapshot.index, rows.vectors, allowed)
    return problems


def _regions(rows: SnapshotRows) -> NDArray[np.int16]:
    return np.zeros(len(rows), np.int16) if rows.regions is None else np.asarray(rows.regions, np.int16)


def _wrong_vectors(index: VectorIndex, vectors: Vectors | HalfVectors) -> list[str]:
    if not index.keeps_vectors:
        return []
    sample = sampled_rows(len(vectors), _VECTORS, seed=_SEED)
    own = np.asarray(vectors[sample], np.float32)
    cosines = np.vecdot(own, index.vectors(sample)) if len(sample) else np.ones(1, np.float32)
    wrong = int(np.count_nonzero(~(cosines >= _LEAST_COSINE)))
    return [f"{wrong} of {len(sample)} sampled rows have the vector of another image"] if wrong else []


def _wrong_hits(index: VectorIndex, vectors: Vectors | HalfVectors, allowed: Mask) -> list[str]:
    """What is wrong with hits under a mask."""
    count = int(np.count_nonzero(allowed))
    if not count:
        return []
    queries = np.asarray(vectors[sampled_rows(len(vectors), _QUERIES, seed=_SEED)], np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    problems: list[str] = []
    for found in index.search(queries, _K, allowed=AllowedRows.of(allowed)).rows:
        hits = found[found >= 0]
        if not allowed[hits].all():
            problems.append("a search returns a row that its mask hides")
        if len(np.unique(hits)) != min(_K, count):
            problems.append(f"of {count} rows that may be found, a search for {_K} returns {len(np.unique(hits))}")
    return problems
