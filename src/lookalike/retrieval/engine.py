"""The search engine: one question in, one page of hits out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import Catalog, QueryRecord
from lookalike.embedding import LiveModelFollower
from lookalike.errors import CursorRefused, LibraryBusy
from lookalike.keypoints import RECIPE
from lookalike.preprocessing import Limits, Preparer, prepare
from lookalike.reranking import VERIFIED_HITS, Candidates, RankingQuery, ReRanker, visible
from lookalike.retrieval.experimenting import RunningExperiment
from lookalike.retrieval.facets import Facets, count_facets
from lookalike.retrieval.filtering import FilteredViews
from lookalike.retrieval.filters import Filters
from lookalike.retrieval.journal import QueryJournal
from lookalike.retrieval.live import Live, LiveIndex
from lookalike.retrieval.policies import DEFAULT_POLICIES, policies_of
from lookalike.retrieval.query import Answer, Query
from lookalike.retrieval.query_encoder import DecodedQuery, EmbeddedQuery, EncodedQuery, QueryEncoder
from lookalike.retrieval.rankers import NEAR_DUPLICATES, ExactRanker, IndexRanker, Ranker
from lookalike.retrieval.ranking import FIRST_HITS, MANY_HITS, MOST_NEIGHBORS, Ranking
from lookalike.retrieval.scoring import exact_cosines
from lookalike.retrieval.stopwatch import Stopwatch
from lookalike.snapshot import Centring, Closeness, LiveRecall, recall_of_queries
from lookalike.types import Hit, Match, Visibility

_CONTINUATIONS = 3  # tries to go on, where other processes page through the same query
_MEASURED_QUERIES = 512  # the latest ones, whichever process answered them
_READ_ONLY = "the library can only be read here: uploads, changes, searches and clicks are not kept"


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


class SearchEngine:
    """Answers queries from a catalog and its snapshots. Safe to call from many threads.

    Every search first follows the catalog: an upload that was acknowledged is found, an image that was deleted or
    hidden is not, whichever process did it. New snapshots and new models are opened in the background and then
    switched to at once; searches that run meanwhile finish on what they started with.

    Args:
        catalog: the truth.
        snapshots: the folder they are published in.
        models: the model that the catalog says is live, opened.
        journal: where queries are written down.
        limits: for query pictures.
        decoding: what prepares them.
        rerankers: applied in order; None for the policies that are usual.
        depth: how many hits are ranked before the first page; later pages rank more.
        open_challenger: opens the ranker of another model by its name, for experiments; None for no experiments.

    Attributes:
        ranker: ranks what is searched. Measuring asks it what users would get, and writes nothing down.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        snapshots: Path,
        models: LiveModelFollower,
        journal: QueryJournal,
        limits: Limits | None = None,
        decoding: Preparer = prepare,
        rerankers: Sequence[ReRanker] | None = None,
        depth: int = FIRST_HITS,
        open_challenger: Callable[[str], Ranker] | None = None,
    ) -> None:
        self._catalog = catalog
        self._experiment = RunningExperiment(catalog, open_challenger=open_challenger)
        self._index = LiveIndex(catalog, snapshots=snapshots, models=models)
        self._journal = journal
        self._encoder = QueryEncoder(catalog, limits=limits, decoding=decoding)
        self._limits = limits
        self._rerankers = policies_of(DEFAULT_POLICIES, catalog) if rerankers is None else tuple(rerankers)
        self._depth = depth
        self.ranker: Ranker = IndexRanker(
            self._index, self._encoder, FilteredViews(catalog), rerankers=self._rerankers, depth=depth
        )

    def decode(self, query: Query) -> DecodedQuery:
        """The first step of a search by a picture, for a caller who runs the steps in threads of their own.

        Raises: as `search`.
        """
        return self._encoder.decode(query, self._index.peek() or self._index.current())

    def embed(self, decoded: DecodedQuery) -> EmbeddedQuery:
        """The second step, which runs the model. Raises as `search` does."""
        clock = Stopwatch()
        live = self._index.peek() or self._index.current()
        with clock("embed"):
            encoded = self._encoder.embed(decoded, live)
        clock.add("decode", decoded.milliseconds)
        return EmbeddedQuery(encoded=encoded, model=live.model, milliseconds=clock.milliseconds)

    def search(self, query: Query, embedded: EmbeddedQuery | None = None) -> Answer:
        """The first page of hits.

        Args:
            query: what is asked.
            embedded: the same query after `decode` and `embed`; None to do everything here.

        Raises:
            ImageRefused: the query's bytes are not an image we accept.
            CropRefused: the crop does not fit the picture.
            UnknownImage: the indexed image is not a public image of this library.
            QueryRefused: the live model cannot be asked with such a subject.
            CallerError: the filters name a collection that is not there.
        """
        clock = Stopwatch()
        wanted = max(query.limit, MANY_HITS if query.facets else 0)
        usual = self.ranker.rank(query, wanted=wanted, clock=clock, embedded=embedded)
        arranged = self._experiment.arrange(query, usual, self.ranker)
        ranking = arranged.ranking
        with clock("rerank"):
            closeness = _closeness(usual)  # of the nearest, wherever an experiment shows it
            record = _record(arranged.query_id, query, ranking, closeness, most=max(wanted, self._depth))
        with clock("hits"):
            best = ranking.candidates.first(query.limit)
            cosines = dict(zip(best.image_ids, best.cosines.tolist(), strict=True))
            hits = _hits(self._catalog, record, best.image_ids, cosines, first_rank=1, closeness=closeness)
        self._journal.add(record)
        self._experiment.note(arranged, frozen=len(record.ranked_ids))
        answer = _answer(record, hits, clock)
        notes = (*ranking.live.notes, *(_not_verified(self._catalog, ranking) if query.verify else ()))
        facets = _facets(self._catalog, ranking) if query.facets else None
        return replace(
            answer,
            width=ranking.query.width,
            height=ranking.query.height,
            notes=notes,
            facets=facets,
            indexed_as=self._indexed_as(ranking.query),
        )

    def page(self, query_id: str, *, offset: int, limit: int) -> Answer:
        """A later page of a query, over the ids that are frozen with it.

        A page behind them ranks as many again: what is new is frozen behind what was. Images that were hidden or
        deleted since are left out; ranks stay as they were.

        Raises:
            CursorRefused: the query is not known any more, or its model does not answer any more.
            LibraryBusy: more is asked for than was ranked, by a model that is still being opened here.
        """
        clock = Stopwatch()
        record = self._journal.find(query_id)
        if record is None or record.vector is None:
            raise CursorRefused(f"query {query_id!r} is not known here any more; search again")
        live = self._catalog.models.live()  # not the one that is open: another process may have switched sooner
        if live is None or record.fingerprint != live.fingerprint:
            raise CursorRefused("the library has moved to another model since this search; search again")
        if record.calibration is None:  # an earlier version of lookalike wrote it
            raise CursorRefused("lookalike was updated since this search; search again")
        centring = self._index.centring_at(record.generation, live)
        if centring is None:
            raise CursorRefused("the index that answered this search is not known any more; search again")
        closeness = Closeness.of_marks(record.calibration)
        for _ in range(_CONTINUATIONS):
            if offset + limit <= len(record.ranked_ids) or not _goes_on(record):
                break
            record = self._continued(record, clock, wanted=max(offset + limit, 2 * len(record.ranked_ids)))
        with clock("hits"):
            ids = record.ranked_ids[offset : offset + limit]
            cosines = _frozen_cosines(self._catalog, record, ids, centring)
            hits = _hits(self._catalog, record, ids, cosines, first_rank=offset + 1, closeness=closeness)
            asked = visible(self._catalog.images.get_many([record.image_id or ""]).values())
        return replace(_answer(record, hits, clock), query_image_id=next(iter(asked), None))

    def _indexed_as(self, asked: EncodedQuery) -> str | None:
        """The public image that has the bytes of the picture. Most have not, which the view tells without the catalog.

        The view followed the catalog when this query was ranked; under the query's filters it may hold less than now.
        """
        live = self._index.peek()
        if asked.picture_id is None or live is None or not live.view.holds(asked.picture_id):
            return None
        found = self._catalog.images.get_many([asked.picture_id], visibility=Visibility.PUBLIC)
        return next(iter(visible(found.values())), None)

    def exact_ranker(self) -> ExactRanker:
        """What ranks as `ranker` does, but by exact search over what is public now: what the index is measured against.

        Raises:
            LibraryMissing: nothing was ever indexed here, so no model is live.
            ModelMissing: the live model is not on this machine.
        """
        live = self._index.current()
        return ExactRanker(
            self._catalog,
            live.encoder,
            centring=live.view.centring,
            limits=self._limits,
            rerankers=self._rerankers,
            depth=self._depth,
        )

    def ready(self) -> Readiness:
        """Whether searches can be answered now. Never waits."""
        live = self._index.peek()
        if live is None:
            return Readiness(ready=False, waiting_for="the model and the index to open")
        return _readiness(live, read_only=self._catalog.read_only)

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
        asked = [record for record in self._journal.latest(_MEASURED_QUERIES) if record.vector is not None]
        asked = [record for record in asked if record.fingerprint == live.model.fingerprint]
        if len(asked) < fewest:
            return None
        vectors = [_unit(live.view.searched(_vector(record), record.crop)) for record in asked]
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
        """Write down the queries that could not be written before they were answered, if that is possible now."""
        self._journal.flush()

    def close(self) -> None:
        """Write down what waits, and let go of the model."""
        self._journal.close()
        self._index.close()

    def _continued(self, record: QueryRecord, clock: Stopwatch, *, wanted: int) -> QueryRecord:
        """The query with more hits behind those it has: the same for the same generation.

        Where another process went on from the same record a moment before, its hits count.
        """
        about = RankingQuery(image_id=record.image_id, include_self=record.include_self)
        filters = Filters.of_text(record.filters)
        asked = EncodedQuery(about=about, vector=_vector(record), crop=record.crop, filters=filters)
        ranking = self.ranker.rank_encoded(asked, wanted=wanted, clock=clock)
        if record.fingerprint != ranking.live.model.fingerprint:
            raise LibraryBusy("the library's new model is being opened; try again in a moment")
        with clock("rerank"):
            continued = _with_more(record, ranking)
        self._journal.add(continued)
        return self._journal.find(record.id) or continued


def _hits(
    catalog: Catalog,
    record: QueryRecord,
    ids: Sequence[str],
    cosines: Mapping[str, float],
    *,
    first_rank: int,
    closeness: Closeness,
) -> tuple[Hit, ...]:
    """A page of a frozen ranking: what may be shown now, at the ranks it was given then."""
    behind = record.duplicates
    others = [other for image_id in ids if image_id in behind for other in behind[image_id]]
    images = visible(catalog.images.get_many([*ids, *others]).values())
    grouped = {one: tuple(other for other in behind[one] if other in images) for one in ids if one in behind}
    shown = [one for one in enumerate(ids, start=first_rank) if one[1] in images and one[1] in cosines]
    percents = closeness.percents([cosines[image_id] for _, image_id in shown])
    return tuple(
        Hit(
            rank=rank,
            image=images[image_id],
            cosine=cosines[image_id],
            closeness=percent,
            match=Match.DUPLICATE if image_id in record.same else closeness.match(cosines[image_id]),
            duplicates=grouped.get(image_id, ()),
            blurred_duplicates=tuple([other for other in grouped.get(image_id, ()) if images[other].blurred]),
            same_thing=record.same_things.get(image_id),
        )
        for (rank, image_id), percent in zip(shown, percents, strict=True)
    )


def _frozen_cosines(
    catalog: Catalog, record: QueryRecord, image_ids: Sequence[str], centring: Centring
) -> dict[str, float]:
    """Of each image's nearest region, computed again from stored vectors, which never change for one model.

    Args:
        catalog: of the library.
        record: the query.
        image_ids: of a page.
        centring: of the index that answered the first page.
    """
    found = catalog.vectors.of_regions(record.fingerprint, image_ids)
    if not found:
        return {}
    regions = np.array([region for _, region in found], dtype=np.int16)
    rows = centring.rows(np.array(list(found.values()), dtype=np.float32), regions)
    cosines = exact_cosines(centring.query(_vector(record), record.crop), rows)
    best: dict[str, float] = {}
    for (image_id, _), cosine in zip(found, cosines.tolist(), strict=True):
        best[image_id] = max(best.get(image_id, -1.0), cosine)
    return best


def _facets(catalog: Catalog, ranking: Ranking) -> Facets:
    """Of the hits ranked so far that may be shown now."""
    images = visible(catalog.images.get_many(ranking.candidates.image_ids).values())
    return count_facets(images.values(), collections=catalog.collections.counts_among(tuple(images)))


def _not_verified(catalog: Catalog, ranking: Ranking) -> tuple[str, ...]:
    """What to tell where hits were to be verified, and some of the best have no keypoints."""
    best = ranking.candidates.image_ids[:VERIFIED_HITS]
    without = len(best) - len(catalog.keypoints.among(RECIPE, best))
    if not without:
        return ()
    which = "all" if without == len(best) else f"{without} of the {len(best)}"
    return (f"{which} nearest images could not be verified: run `lookalike keypoints` once",)


def _readiness(live: Live, *, read_only: bool) -> Readiness:
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
        notes=(*live.notes, *([_READ_ONLY] if read_only else [])),
    )


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return vector / np.linalg.norm(vector)


def _vector(record: QueryRecord) -> NDArray[np.float32]:
    return np.frombuffer(record.vector or b"", dtype="<f2").astype(np.float32)


def _goes_on(record: QueryRecord) -> bool:
    """Whether more neighbours can be looked at than were."""
    return record.neighbors < _reachable(record.images)


def _reachable(images: int) -> int:
    """How many of so many images paging can reach."""
    return min(images, MOST_NEIGHBORS)


def _closeness(ranking: Ranking) -> Closeness:
    """What cosines mean for this query."""
    best = ranking.candidates.first(1)
    if not len(best) or ranking.live.closeness.belonging is None:
        return ranking.live.closeness
    belonging = ranking.live.view.centring.belonging(ranking.query.vector[None], best.vectors)
    return ranking.live.closeness.for_query(float(best.cosines[0]), float(belonging[0]))


def _record(query_id: str, query: Query, ranking: Ranking, closeness: Closeness, *, most: int) -> QueryRecord:
    """What is kept of a query: at most so many hits, unless all there are were ranked. They are most of its bytes."""
    ranked, images = ranking.candidates, ranking.live.view.size
    kept = ranked.image_ids if ranking.neighbors >= _reachable(images) else ranked.image_ids[:most]
    dropped = frozenset(ranked.image_ids[len(kept) :])
    return QueryRecord(
        id=query_id,
        generation=ranking.live.view.generation,
        image_id=query.image_id,
        crop=ranking.query.crop,
        ranked_ids=kept,
        at=datetime.now(UTC),
        vector=ranking.query.vector.astype("<f2").tobytes(),
        fingerprint=ranking.live.model.fingerprint,
        duplicates={one: others for one, others in ranked.duplicates.items() if one not in dropped},
        same=_same(query, ranking.query, ranked),
        include_self=query.about.include_self,
        neighbors=ranking.neighbors,
        images=images,
        calibration=closeness.marks,
        same_things=ranked.same_things,
        filters=query.filters.text(),
    )


def _same(query: Query, asked: EncodedQuery, candidates: Candidates) -> tuple[str, ...]:
    """The hits that look the same as the whole picture that was asked with, or are it."""
    if asked.columns is None:
        return ()
    itself = asked.picture_id or query.image_id
    places = NEAR_DUPLICATES.same_as(asked.columns, asked.vector, candidates)
    return tuple({itself: None, **dict.fromkeys(candidates.image_ids[place] for place in places)}) if itself else ()


def _with_more(record: QueryRecord, ranking: Ranking) -> QueryRecord:
    """What was ranked stays in its place; what is new comes behind it, and behind the hits it looks the same as."""
    known = {*record.ranked_ids, *(one for others in record.duplicates.values() for one in others)}
    more = tuple(image_id for image_id in ranking.candidates.image_ids if image_id not in known)
    behind = dict(record.duplicates)
    for image_id, others in ranking.candidates.duplicates.items():
        new = tuple(one for one in others if one not in known)
        if new:
            behind[image_id] = (*behind.get(image_id, ()), *new)
    return replace(
        record,
        ranked_ids=(*record.ranked_ids, *more),
        duplicates=behind,
        neighbors=ranking.neighbors,
        images=ranking.live.view.size,
    )


def _answer(record: QueryRecord, hits: tuple[Hit, ...], clock: Stopwatch) -> Answer:
    return Answer(
        query_id=record.id,
        generation=record.generation,
        hits=hits,
        total=len(record.ranked_ids),
        complete=not _goes_on(record),
        images=record.images,
        reachable=_reachable(record.images),
        milliseconds=clock.milliseconds,
        query_image_id=record.image_id,
        crop=record.crop,
    )
