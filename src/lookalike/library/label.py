"""Filling the queue of pairs that somebody should grade."""

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import Catalog, QueuedPair
from lookalike.durable import replace_file
from lookalike.errors import CallerError
from lookalike.feedback.active_learning import PairPool, choose
from lookalike.library.parts import LibraryParts, ranker_by
from lookalike.progress import Progress
from lookalike.retrieval import Query, Ranker
from lookalike.types import WHOLE_IMAGE

_FAR = 10_000  # rank of an image that the other model does not find


@dataclass(frozen=True, kw_only=True)
class LabelRequest:
    """What to queue.

    Attributes:
        judgement_set: where the grades will go.
        strategy: one of `active_learning.STRATEGIES`.
        count: pairs.
        queries: images to ask with; those that the set has grades for come first, then images drawn at random. None for
            as many images as pairs, those without grades first: grades of the hits of one query say much the same.
        depth: hits of each query that may be chosen.
        model: another model on this machine, for `disagreement`.
        out: a table of the pairs to grade in a spreadsheet; None for none.
        seed: of all draws.
    """

    judgement_set: str
    strategy: str = "uncertainty"
    count: int = 200
    queries: int | None = None
    depth: int = 10
    model: str | None = None
    out: Path | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class LabelResult:
    """What waits for a grade now.

    Attributes:
        queued: pairs that were chosen.
        queries: they belong to.
        graded: pairs of these queries' first hits that had a grade.
    """

    queued: int
    queries: int
    graded: int


def label(library: LibraryParts, request: LabelRequest, progress: Progress) -> LabelResult:
    """Choose pairs to grade, in place of those that waited for the same judgement set.

    Hits never show near-duplicates of each other, so no query is asked about the same picture twice.

    Raises:
        CallerError: the strategy is unknown or needs another model, or there is nothing to ask.
        LibraryMissing: nothing was indexed.
        StorageFailed: the table cannot be written.
    """
    library.engine.warm_up()
    rng = np.random.default_rng(request.seed)
    asked = _queries(library, request, rng)
    if not asked:
        raise CallerError("there are no public images to ask with")
    other = _other(library, request, progress)
    progress.stage("Asking", len(asked))
    rows = _Rows()
    for image_id in asked:
        rows.add(image_id, library.engine.ranker, other, request.depth)
        progress.advance()
    if not rows.pairs:
        raise CallerError("no image has a hit, so there is no pair to grade")
    pool = _pool(library, request, rows)
    chosen = choose(pool, request.strategy, request.count, rng)
    now = datetime.now(UTC)
    pairs = [
        QueuedPair(
            judgement_set=request.judgement_set,
            query_image_id=rows.pairs[place][0],
            image_id=rows.pairs[place][1],
            number=number,
            strategy=request.strategy,
            added_at=now,
        )
        for number, place in enumerate(chosen.tolist())
    ]
    library.catalog.grading_queue.fill(request.judgement_set, pairs)
    if request.out is not None:
        replace_file(request.out, pairs_table(library.catalog, pairs).encode())
    queries = len({one.query_image_id for one in pairs})
    return LabelResult(queued=len(pairs), queries=queries, graded=int(pool.graded.sum()))


class _Rows:
    """Hits of all queries, row by row."""

    def __init__(self) -> None:
        self.pairs: list[tuple[str, str]] = []
        self.ranks: list[int] = []
        self.cosines: list[float] = []
        self.other_ranks: list[int] = []

    def add(self, image_id: str, ranker: Ranker, other: Ranker | None, depth: int) -> None:
        """The first hits of one query."""
        query = Query.image(image_id)
        hits = ranker.rank(query, wanted=depth).candidates.first(depth)
        ranks: dict[str, int] = {}
        if other is not None:
            found = other.rank(query).candidates.image_ids
            ranks = {one: rank for rank, one in enumerate(found, start=1)}
        for rank, (one, cosine) in enumerate(zip(hits.image_ids, hits.cosines.tolist(), strict=True), start=1):
            self.pairs.append((image_id, one))
            self.ranks.append(rank)
            self.cosines.append(cosine)
            self.other_ranks.append(ranks.get(one, _FAR))


def _queries(library: LibraryParts, request: LabelRequest, rng: np.random.Generator) -> list[str]:
    """Images to ask with."""
    grades = library.catalog.judgements.grades(judgement_set=request.judgement_set)
    known = dict.fromkeys(grade.query_image_id for grade in grades if grade.crop is None)
    public = library.engine.exact_ranker().image_ids
    found = set(public)
    graded = [one for one in known if one in found]
    others = [one for one in public if one not in known]
    drawn = [others[place] for place in rng.permutation(len(others)).tolist()]
    if request.queries is None:
        return [*drawn, *graded][: request.count]
    return [*graded, *drawn][: request.queries]


def _other(library: LibraryParts, request: LabelRequest, progress: Progress) -> Ranker | None:
    return None if request.model is None else ranker_by(library, request.model, progress)


def _pool(library: LibraryParts, request: LabelRequest, rows: _Rows) -> PairPool:
    grades = library.catalog.judgements.grades(judgement_set=request.judgement_set)
    graded = {(grade.query_image_id, grade.image_id) for grade in grades if grade.crop is None}
    names = sorted({one for pair in rows.pairs for one in pair})
    number = {one: place for place, one in enumerate(names)}
    return PairPool(
        queries=np.array([number[query] for query, _ in rows.pairs]),
        images=np.array([number[image] for _, image in rows.pairs]),
        ranks=np.array(rows.ranks),
        cosines=np.array(rows.cosines),
        other_ranks=np.array(rows.other_ranks) if request.model is not None else None,
        vectors=_products(library, rows.pairs, names) if request.strategy == "coverage" else None,
        graded=np.array([pair in graded for pair in rows.pairs]),
    )


def _products(library: LibraryParts, pairs: Sequence[tuple[str, str]], names: Sequence[str]) -> NDArray[np.float32]:
    """Products of the vectors of each pair, [pairs, dimension]."""
    fingerprint = library.require_live().fingerprint
    stored = library.catalog.vectors.of_regions(fingerprint, names)
    vectors = {image_id: vector for (image_id, region), vector in stored.items() if region == WHOLE_IMAGE}
    return np.array([vectors[query] * vectors[image] for query, image in pairs], dtype=np.float32)


def pairs_table(catalog: Catalog, pairs: Sequence[QueuedPair]) -> str:
    """Query, image and an empty grade, by the paths of their files."""
    wanted = sorted({name for one in pairs for name in (one.query_image_id, one.image_id)})
    images = catalog.images.get_many(wanted)
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(["query", "image", "grade"])
    for one in pairs:
        names = (images[name].source if name in images else None for name in (one.query_image_id, one.image_id))
        query, image = (os.fsencode(name).decode("utf-8", "replace") if name else "" for name in names)
        writer.writerow([query or one.query_image_id, image or one.image_id, ""])
    return text.getvalue()
