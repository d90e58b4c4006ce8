"""How much of the truth the index that answers now finds."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.catalog import Catalog
from lookalike.snapshot.recall import Recall, Truth, TruthInBlocks, sampled_rows
from lookalike.snapshot.stored import Snapshot, newest
from lookalike.types import Mask, Rows, Vectors, Visibility

QUERIES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRecall:
    """Recall@10 of a published index against exact search over the catalog's vectors.

    Attributes:
        recall: over the queries, each left out of its own answer where it is an image of the library.
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
            "among": self.recall.among,
            **{name: value for name, value in asdict(self).items() if name != "recall"},
        }


def live_recall(catalog: Catalog, snapshots: Path, *, queries: int = QUERIES) -> LiveRecall | None:
    """Measure the newest snapshot's index with a sample of the library's public images as queries.

    Args:
        catalog: the truth.
        snapshots: the folder of published indexes.
        queries: images to ask with.

    Returns:
        None while there is no index.
    """
    model = catalog.models.live()
    snapshot = newest(snapshots, model.fingerprint, catalog=catalog) if model else None
    if model is None or snapshot is None or snapshot.manifest.size == 0:
        return None
    visible = np.flatnonzero(snapshot.visible)
    rows = visible[sampled_rows(len(visible), queries, seed=catalog.changes.sequence())]
    stored = catalog.vectors.get(snapshot.manifest.fingerprint, _ids(snapshot, rows))
    vectors = [snapshot.centring.query(vector) for vector in stored.values()]
    return recall_of_queries(catalog, snapshot, vectors, image_ids=list(stored))


def recall_of_queries(
    catalog: Catalog,
    snapshot: Snapshot,
    vectors: Sequence[Vectors],
    *,
    image_ids: Sequence[str],
    after_block: Callable[[float], None] = lambda _: None,
) -> LiveRecall:
    """Measure a snapshot's index as it is searched: under the mask of what is public now.

    Reads every vector of the catalog once. Images that are in no snapshot yet are searched exactly, and are left out
    of what is measured here.

    Args:
        catalog: the truth.
        snapshot: not empty.
        vectors: the queries, each [dimension] float32, unit length, as `Centring.query` gives them.
        image_ids: of each, the library's image that it is, or "".
        after_block: is told how many seconds the last block of vectors took; may wait, or raise to give up.
    """
    started = time.monotonic()
    queries = np.array(vectors, dtype=np.float32).reshape(len(vectors), snapshot.manifest.dimension)
    own = snapshot.rows_of(image_ids)
    truth, allowed = _truth(catalog, snapshot, TruthInBlocks(queries, own), after_block)
    recall = truth.recall_of(
        snapshot.index, partial(catalog_vectors, catalog, snapshot), allowed=allowed, among="public images"
    )
    return LiveRecall(
        recall=recall,
        backend=snapshot.manifest.backend,
        images=int(np.count_nonzero(allowed)),
        snapshot=snapshot.manifest.number,
        seconds=time.monotonic() - started,
    )


def _truth(
    catalog: Catalog, snapshot: Snapshot, reading: TruthInBlocks, after_block: Callable[[float], None]
) -> tuple[Truth, Mask]:
    """The nearest public rows to the queries, and [size] bool, which rows are public now."""
    allowed = np.zeros(snapshot.manifest.size, dtype=bool)
    began = time.monotonic()
    for block in catalog.vectors.blocks(snapshot.manifest.fingerprint):
        found = snapshot.rows_of(block.image_ids, block.regions)
        public = np.array([visibility is Visibility.PUBLIC for visibility in block.visibilities], dtype=bool)
        shown = public & (found >= 0)
        allowed[found[shown]] = True
        reading.take(found[shown], snapshot.centring.rows(block.vectors[shown], block.regions[shown]))
        after_block(time.monotonic() - began)
        began = time.monotonic()
    return reading.truth(), allowed


def catalog_vectors(catalog: Catalog, snapshot: Snapshot, rows: Rows) -> Vectors:
    """The catalog's vectors of rows as the index should hold them, [n, dimension] float32.

    Zeros for an image that vanished meanwhile.
    """
    distinct, places = np.unique(rows, return_inverse=True)
    stored = catalog.vectors.of_regions(snapshot.manifest.fingerprint, _ids(snapshot, distinct))
    known = np.array([key in stored for key in snapshot.keys(distinct)], dtype=bool)
    vectors = np.zeros((len(distinct), snapshot.manifest.dimension), dtype=np.float32)
    found = np.array([stored[key] for key in snapshot.keys(distinct[known])], dtype=np.float32)
    vectors[known] = snapshot.centring.rows(found.reshape(-1, vectors.shape[1]), snapshot.regions[distinct[known]])
    return vectors[places]


def _ids(snapshot: Snapshot, rows: Rows) -> list[str]:
    return [snapshot.image_ids[row].decode() for row in rows]
