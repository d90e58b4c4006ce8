"""How much of the truth the index that answers now finds."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.catalog import Catalog
from lookalike.snapshot import Recall, Snapshot, Truth, TruthInBlocks, newest, sampled_rows
from lookalike.types import Mask, Rows, Vectors, Visibility

QUERIES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRecall:
    """Recall@10 of a published index against exact search over the catalog's vectors.

    Attributes:
        recall: over a sample of the library's public images as queries, each left out of its own answer.
        backend: of the index.
        images: public images that are in the index now.
        snapshot: its number.
        seconds: measuring took.
    """

    recall: Recall
    backend: str
    images: int
    snapshot: int
    seconds: float

    def as_document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "recall_at_10": self.recall.mean,
            "standard_error": self.recall.standard_error,
            "queries": self.recall.queries,
            **{name: value for name, value in asdict(self).items() if name != "recall"},
        }


def live_recall(catalog: Catalog, snapshots: Path, *, queries: int = QUERIES) -> LiveRecall | None:
    """Measure the newest snapshot's index as it is searched: under the mask of what is public now.

    Reads every vector of the catalog once. Images that are in no snapshot yet are searched exactly, and are left out
    of what is measured here.

    Args:
        catalog: the truth.
        snapshots: the folder of published indexes.
        queries: images to ask with.

    Returns:
        None while there is no index.
    """
    started = time.monotonic()
    model = catalog.live_model()
    snapshot = newest(snapshots, model.fingerprint) if model else None
    if model is None or snapshot is None or snapshot.manifest.size == 0:
        return None
    visible = np.flatnonzero(snapshot.visible)
    rows = visible[sampled_rows(len(visible), queries, seed=catalog.sequence())]
    truth, allowed = _truth(catalog, snapshot, rows)
    found = snapshot.index.search(truth.queries, max(truth.asked_for, 1), allowed=allowed).rows
    recall = Recall.of(truth.shares(found, lambda rows: _vectors(catalog, snapshot, rows)))
    return LiveRecall(
        recall=recall,
        backend=snapshot.manifest.backend,
        images=int(np.count_nonzero(allowed)),
        snapshot=snapshot.manifest.number,
        seconds=time.monotonic() - started,
    )


def _truth(catalog: Catalog, snapshot: Snapshot, rows: Rows) -> tuple[Truth, Mask]:
    """The nearest public rows to those rows, and [size] bool, which rows are public now."""
    stored = catalog.vectors(snapshot.manifest.fingerprint, _ids(snapshot, rows))
    rows = np.array([row for row, known in zip(rows, _ids(snapshot, rows), strict=True) if known in stored], np.int64)
    queries = np.array([stored[image_id] for image_id in _ids(snapshot, rows)], dtype=np.float32)
    reading = TruthInBlocks(queries.reshape(len(rows), snapshot.manifest.dimension), rows)
    allowed = np.zeros(snapshot.manifest.size, dtype=bool)
    for block in catalog.vector_blocks(snapshot.manifest.fingerprint):
        found = snapshot.rows_of(block.image_ids)
        public = np.array([visibility is Visibility.PUBLIC for visibility in block.visibilities], dtype=bool)
        shown = public & (found >= 0)
        allowed[found[shown]] = True
        reading.take(found[shown], block.vectors[shown])
    return reading.truth(), allowed


def _vectors(catalog: Catalog, snapshot: Snapshot, rows: Rows) -> Vectors:
    """The catalog's vectors of rows, [n, dimension] float32; zeros for an image that vanished meanwhile."""
    distinct, places = np.unique(rows, return_inverse=True)
    stored = catalog.vectors(snapshot.manifest.fingerprint, _ids(snapshot, distinct))
    missing = np.zeros(snapshot.manifest.dimension, dtype=np.float32)
    vectors = [stored.get(image_id, missing) for image_id in _ids(snapshot, distinct)]
    return np.array(vectors, dtype=np.float32).reshape(len(distinct), snapshot.manifest.dimension)[places]


def _ids(snapshot: Snapshot, rows: Rows) -> list[str]:
    return [snapshot.image_ids[row].decode() for row in rows]
