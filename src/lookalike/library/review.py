"""Reviewing clicks: those that look wrong wait for a yes or a no, and training leaves out what people said no to."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lookalike.catalog import REVIEWS, Catalog, QueuedPair
from lookalike.durable import replace_file
from lookalike.errors import CallerError
from lookalike.feedback.suspicious_clicks import (
    ClickedPair,
    clicked_pairs,
    counts_by_reason,
    suspicious_pairs,
)
from lookalike.library.grading import CLICKS
from lookalike.library.label import pairs_table
from lookalike.library.parts import LibraryParts
from lookalike.types import WHOLE_IMAGE


@dataclass(frozen=True, kw_only=True)
class ReviewRequest:
    """Which clicks to queue.

    Attributes:
        judgement_set: where the answers go: grade 1 for yes, 0 for no.
        count: pairs.
        include_simulated: also review clicks that no person made.
        out: a table of the pairs to answer in a spreadsheet; None for none.
    """

    judgement_set: str
    count: int = 200
    include_simulated: bool = False
    out: Path | None = None


@dataclass(frozen=True, kw_only=True)
class ReviewResult:
    """What waits for an answer now.

    Attributes:
        clicked: pairs that were clicked.
        suspicious: of them, those that something speaks against and nobody reviewed yet.
        reasons: how many pairs each reason speaks against.
        queued: pairs that wait.
        wrong: reviewed pairs that people said no to.
        right: reviewed pairs that people said yes to.
    """

    clicked: int
    suspicious: int
    reasons: Mapping[str, int]
    queued: int
    wrong: int
    right: int


def review_clicks(library: LibraryParts, request: ReviewRequest) -> ReviewResult:
    """Queue clicked pairs that look wrong, in place of those that waited for the same set.

    Raises:
        CallerError: the set holds grades of another kind, or nothing was clicked.
        LibraryMissing: nothing was indexed.
        StorageFailed: the table cannot be written.
    """
    catalog = library.catalog
    reviewed = reviewed_pairs(catalog, request.judgement_set)
    pairs = _with_cosines(library, _clicked(library, include_simulated=request.include_simulated))
    if not pairs:
        raise CallerError("no image was clicked in a search by a whole image, so there is nothing to review")
    found = [one for one in suspicious_pairs(pairs) if (one.pair.query, one.pair.image) not in reviewed]
    now = datetime.now(UTC)
    queue = [
        QueuedPair(
            judgement_set=request.judgement_set,
            query_image_id=one.pair.query,
            image_id=one.pair.image,
            number=number,
            strategy=f"{CLICKS}{one.reasons[0]}",
            added_at=now,
        )
        for number, one in enumerate(found[: request.count])
    ]
    catalog.judgements.make(request.judgement_set, rule=REVIEWS)
    catalog.grading_queue.fill(request.judgement_set, queue)
    if request.out is not None:
        replace_file(request.out, pairs_table(library.catalog, queue).encode())
    return ReviewResult(
        clicked=len(pairs),
        suspicious=len(found),
        reasons=counts_by_reason(found),
        queued=len(queue),
        wrong=sum(not right for right in reviewed.values()),
        right=sum(reviewed.values()),
    )


def reviewed_pairs(catalog: Catalog, judgement_set: str) -> dict[tuple[str, str], bool]:
    """(query image, clicked image) -> whether people said yes; where they disagree, the lower median counts.

    Raises:
        CallerError: the set holds other grades than yes (1) and no (0).
    """
    given: dict[tuple[str, str], list[int]] = defaultdict(list)
    for grade in catalog.judgements.settled(judgement_set=judgement_set):
        if grade.grade > 1:
            raise CallerError(
                f"{judgement_set}: holds a grade {grade.grade}, and reviews of clicks are 1 (yes) or 0 (no); choose"
                " another set for them"
            )
        if grade.crop is None:
            given[grade.query_image_id, grade.image_id].append(grade.grade)
    return {pair: bool(statistics.median_low(grades)) for pair, grades in given.items()}


def _clicked(library: LibraryParts, *, include_simulated: bool) -> list[ClickedPair]:
    queries = library.catalog.queries.followed()
    images = {query.id: query.image_id for query in queries if query.image_id is not None and query.crop is None}
    return clicked_pairs(images, library.catalog.interactions.read(), include_simulated=include_simulated)


def _with_cosines(library: LibraryParts, pairs: Sequence[ClickedPair]) -> list[ClickedPair]:
    names = sorted({name for pair in pairs for name in (pair.query, pair.image)})
    stored = library.catalog.vectors.of_regions(library.require_live().fingerprint, names)
    vectors = {image_id: vector for (image_id, region), vector in stored.items() if region == WHOLE_IMAGE}
    return [
        replace(pair, cosine=float(vectors[pair.query] @ vectors[pair.image]))
        if pair.query in vectors and pair.image in vectors
        else pair
        for pair in pairs
    ]
