"""The search engine: one question in, one page of hits out."""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import Catalog, LiveModel, QueryRecord
from lookalike.embedding import Encoder
from lookalike.errors import CursorRefused, UnknownImage
from lookalike.preprocessing import Limits, prepare
from lookalike.reranking import (
    Candidate,
    CollapseDuplicates,
    Limit,
    NotItself,
    ReRanker,
    visible,
)
from lookalike.retrieval.journal import QueryJournal
from lookalike.retrieval.live import Live, LiveIndex
from lookalike.retrieval.query import Answer, Query
from lookalike.retrieval.ranking import Ranking, reranked
from lookalike.retrieval.scoring import exact_cosines, stored_precision
from lookalike.retrieval.stopwatch import Stopwatch
from lookalike.snapshot import Closeness, LiveRecall, recall_of_queries
from lookalike.types import Hit, Image, Visibility

FROZEN_HITS = 300
"""How many hits a query can be paged through."""

RERANKERS: tuple[ReRanker, ...] = (NotItself(), CollapseDuplicates())


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether searches can be answered now, and what is waited for.

    Attributes:
        ready: the model and the index are open.
        waiting_for: in words, empty when ready.
        generation: as in answers.
        images: how many can be found.
        tail: how many of them are not in a snapshot yet.
        snapshot: its number, 0 while there is none.
        watermark: the last change of the catalog that the snapshot includes.
        backend: of the snapshot's index, "exact" while there is none.
        recall_at_10: what the snapshot's index was measured to find when it was published; None while there is none.
        notes: what the operator should know.
    """

    ready: bool
    waiting_for: str = ""
    generation: str = ""
    images: int = 0
    tail: int = 0
    snapshot: int = 0
    watermark: int = 0
    backend: str = "exact"
    recall_at_10: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A query as a vector."""

    vector: NDArray[np.float32]
    width: int = 0
    height: int = 0


class SearchEngine:
    """Answers queries from a catalog and its snapshots. Safe to call from many threads.

    Every search first follows the catalog: an upload that was acknowledged is found, an image that was deleted or
    hidden is not, whichever process did it. New snapshots and new models are opened in the background and then
    switched to at once; searches that run meanwhile finish on what they started with.

    Args:
        catalog: the truth.
        snapshots: the folder they are published in.
        open_encoder: opens the model that the catalog says is live.
        journal: where queries are written down.
        limits: for query pictures.
        rerankers: applied in order.
        depth: how many neighbours are re-ranked, which bounds how far a query can be paged.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        snapshots: Path,
        open_encoder: Callable[[LiveModel], Encoder],
        journal: QueryJournal,
        limits: Limits | None = None,
        rerankers: Sequence[ReRanker] = RERANKERS,
        depth: int = FROZEN_HITS,
    ) -> None:
        self._catalog = catalog
        self._index = LiveIndex(catalog, snapshots=snapshots, open_encoder=open_encoder)
        self._journal = journal
        self._limits = limits or Limits()
        self._rerankers = (*rerankers, Limit(depth))
        self._depth = depth

    def search(self, query: Query) -> Answer:
        """The first page of hits.

        Raises:
            ImageRefused: the query's bytes are not an image we accept.
            CropRefused: the crop does not fit the picture.
            UnknownImage: `image_id` is not a public image of this library.
        """
        clock = Stopwatch()
        live = self._index.current()
        asked = self._as_vector(query, live, clock)
        ranked = self._ranked(query, asked.vector, live, clock)
        with clock("rerank"):
            record = _record(query, live, asked, ranked)
            cosines = {candidate.image_id: candidate.cosine for candidate in ranked[: query.limit]}
            hits = self._hits(record, tuple(cosines), cosines, first_rank=1, closeness=live.closeness)
        self._journal.add(record)
        return Answer(
            query_id=record.id,
            generation=record.generation,
            hits=hits,
            total=len(ranked),
            milliseconds=clock.milliseconds,
            query_image_id=query.image_id,
            width=asked.width,
            height=asked.height,
            crop=query.crop,
            notes=live.notes,
        )

    def rank(self, query: Query) -> Ranking:
        """All that `search` would let a query be paged through. Written down nowhere: for measuring.

        Raises:
            ImageRefused: as for `search`.
            CropRefused: likewise.
            UnknownImage: likewise.
        """
        clock = Stopwatch()
        live = self._index.current()
        asked = self._as_vector(query, live, clock)
        return Ranking(
            candidates=self._ranked(query, asked.vector, live, clock),
            vector=asked.vector,
            generation=live.view.generation,
            milliseconds=clock.milliseconds,
        )

    def page(self, query_id: str, *, offset: int, limit: int) -> Answer:
        """A later page of a query, over the ids that were frozen at its first page.

        Images that were hidden or deleted since are left out; ranks stay as they were.

        Raises:
            CursorRefused: the query is not known any more, or its model or snapshot does not answer any more.
        """
        clock = Stopwatch()
        record = self._journal.find(query_id)
        if record is None or record.vector is None:
            raise CursorRefused(f"query {query_id!r} is not known here any more; search again")
        if json.loads(record.details)["fingerprint"] != self._index.current().model.fingerprint:
            raise CursorRefused("the library has moved to another model since this search; search again")
        closeness = self._index.calibration(record.generation)
        with clock("rerank"):
            ids = record.ranked_ids[offset : offset + limit]
            cosines = self._frozen_cosines(record, ids)
            hits = self._hits(record, ids, cosines, first_rank=offset + 1, closeness=closeness)
        return Answer(
            query_id=query_id,
            generation=record.generation,
            hits=hits,
            total=len(record.ranked_ids),
            milliseconds=clock.milliseconds,
            query_image_id=record.image_id,
            crop=record.crop,
        )

    def public_image(self, image_id: str) -> Image:
        """The record of an image that can be searched with.

        Raises:
            UnknownImage: there is none of that id, or it is hidden, which is not told apart; or it could not be read.
        """
        image = self._catalog.image(image_id)
        if image.visibility is not Visibility.PUBLIC:
            raise UnknownImage(f"no image {image_id!a} is in this library")
        if image.error is not None:
            raise UnknownImage(f"image {image_id!a} cannot be searched with: it could not be read")
        return image

    def ready(self) -> Readiness:
        """Whether searches can be answered now. Never waits."""
        live = self._index.peek()
        if live is None:
            return Readiness(ready=False, waiting_for="the model and the index to open")
        view = live.view
        return Readiness(
            ready=True,
            generation=view.generation,
            images=view.size,
            tail=len(view.tail_ids),
            snapshot=view.snapshot.manifest.number if view.snapshot else 0,
            watermark=view.snapshot.manifest.watermark if view.snapshot else 0,
            backend=view.snapshot.manifest.backend if view.snapshot else "exact",
            recall_at_10=view.snapshot.manifest.recall_at_10 if view.snapshot else None,
            notes=live.notes,
        )

    def recall_of_latest(self, *, fewest: int, after_block: Callable[[float], None]) -> LiveRecall | None:
        """How many of the true nearest the index finds for the latest searches, by exact search over the catalog.

        Args:
            fewest: searches that must be at hand; with fewer nothing is measured.
            after_block: as in `recall_of_queries`.

        Returns:
            None also while there is no snapshot.
        """
        live = self._index.peek()
        snapshot = live.view.snapshot if live else None
        if live is None or snapshot is None or not snapshot.manifest.size:
            return None
        asked = [record for record in self._journal.latest() if record.vector is not None]
        asked = [record for record in asked if json.loads(record.details)["fingerprint"] == live.model.fingerprint]
        if len(asked) < fewest:
            return None
        vectors = [_unit(np.frombuffer(record.vector or b"", dtype="<f2")) for record in asked]
        image_ids = [record.image_id if record.image_id and record.crop is None else "" for record in asked]
        return recall_of_queries(self._catalog, snapshot, vectors, image_ids=image_ids, after_block=after_block)

    def warm_up(self) -> None:
        """Open the model and the newest snapshot, and run the model once.

        Raises:
            LibraryMissing: nothing was ever indexed or served here, so no model is live.
            ModelMissing: the live model is not on this machine.
        """
        live = self._index.current()
        size = live.encoder.preprocessing.size
        live.encoder.encode(np.zeros((1, 3, size, size), dtype=np.float32))

    def flush(self) -> None:
        """Return when every query answered before can be referred to by events."""
        self._journal.flush()

    def close(self) -> None:
        """Write down what waits, and let go of the model."""
        self._journal.close()
        self._index.close()

    def _as_vector(self, query: Query, live: Live, clock: Stopwatch) -> _Asked:
        if query.image_id is None:
            return self._embed(query, query.content or b"", live, clock)
        image = self.public_image(query.image_id)
        if query.crop is not None:
            return self._embed(query, self._catalog.content(image.id), live, clock)
        with clock("embed"):
            stored = self._catalog.vectors(live.model.fingerprint, [image.id]).get(image.id)
        if stored is None:
            return self._embed(query, self._catalog.content(image.id), live, clock)
        return _Asked(vector=stored, width=image.width, height=image.height)

    def _embed(self, query: Query, content: bytes, live: Live, clock: Stopwatch) -> _Asked:
        with clock("decode"):
            prepared = prepare(
                content, live.encoder.preprocessing, name=query.name, limits=self._limits, crop=query.crop
            )
        with clock("embed"):
            vector = live.encoder.encode(prepared.batch_row[None])[0]
        return _Asked(vector=stored_precision(vector), width=prepared.width, height=prepared.height)

    def _ranked(self, query: Query, vector: NDArray[np.float32], live: Live, clock: Stopwatch) -> tuple[Candidate, ...]:
        with clock("search"):
            nearest = live.view.nearest(vector, self._depth + 1)  # one more: the selected image itself
        with clock("rerank"):
            return reranked(query, nearest, self._rerankers)

    def _frozen_cosines(self, record: QueryRecord, image_ids: Sequence[str]) -> dict[str, float]:
        """Computed again from the stored vectors, which never change for one model."""
        vectors = self._catalog.vectors(json.loads(record.details)["fingerprint"], image_ids)
        query = np.frombuffer(record.vector or b"", dtype="<f2").astype(np.float32)
        return {image_id: float(exact_cosines(query, vector[None])[0]) for image_id, vector in vectors.items()}

    def _hits(
        self,
        record: QueryRecord,
        ids: Sequence[str],
        cosines: Mapping[str, float],
        *,
        first_rank: int,
        closeness: Closeness,
    ) -> tuple[Hit, ...]:
        """A page of a frozen ranking: what may be shown now, at the ranks it was given then."""
        behind: dict[str, list[str]] = json.loads(record.details)["duplicates"]
        others = [other for image_id in ids for other in behind.get(image_id, ())]
        images = visible(self._catalog.images([*ids, *others]).values())
        return tuple(
            Hit(
                rank=rank,
                image=images[image_id],
                cosine=cosines[image_id],
                closeness=closeness.percentile(cosines[image_id]),
                duplicates=tuple(other for other in behind.get(image_id, ()) if other in images),
            )
            for rank, image_id in enumerate(ids, start=first_rank)
            if image_id in images and image_id in cosines
        )


def _unit(stored: NDArray[np.float16]) -> NDArray[np.float32]:
    vector = stored.astype(np.float32)
    return vector / np.linalg.norm(vector)


def _record(query: Query, live: Live, asked: _Asked, ranked: Sequence[Candidate]) -> QueryRecord:
    duplicates = {candidate.image_id: candidate.duplicates for candidate in ranked if candidate.duplicates}
    return QueryRecord(
        id=secrets.token_hex(16),
        generation=live.view.generation,
        image_id=query.image_id,
        crop=query.crop,
        ranked_ids=tuple(candidate.image_id for candidate in ranked),
        at=datetime.now(UTC),
        vector=asked.vector.astype("<f2").tobytes(),
        details=json.dumps({"fingerprint": live.model.fingerprint, "duplicates": duplicates}),
    )
