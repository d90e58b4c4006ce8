"""Pairs of a query and an image that wait for a grade."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, exists, func, or_, select, true

from lookalike.catalog.grades import ADJUDICATION, crop_key, crop_of
from lookalike.catalog.records import is_image_id, require_storable
from lookalike.catalog.schema import grades, grading_queue, images
from lookalike.catalog.upserting import insert_into
from lookalike.errors import CallerError
from lookalike.types import Box, Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedPair:
    """A pair that somebody should grade.

    Attributes:
        judgement_set: where the grade goes.
        query_image_id: of the query.
        image_id: of the candidate.
        crop: the part of the query image that is the query, in fractions.
        number: in which order the pairs of a set are to be graded, from 0.
        strategy: why it was chosen.
        added_at: when.
    """

    judgement_set: str
    query_image_id: str
    image_id: str
    number: int
    strategy: str
    added_at: datetime
    crop: Box | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueProgress:
    """How far the grading of a queue is. Only pairs of public images count.

    Attributes:
        judgement_set: where the grades go.
        pairs: that were queued.
        graded: of them, by anybody.
        own: of them, by the grader who asks.
        strategies: why pairs were chosen, by name.
    """

    judgement_set: str
    pairs: int
    graded: int
    own: int
    strategies: tuple[str, ...]


def write_queue(connection: Connection, judgement_set: str, pairs: Sequence[QueuedPair]) -> None:
    """Put pairs in place of those that waited; see `GradingQueue.fill`."""
    require_storable("judgement_set", judgement_set)
    if not all(is_image_id(one.query_image_id) and is_image_id(one.image_id) for one in pairs):
        raise CallerError("a pair of the grading queue does not name two images by their ids")
    connection.execute(delete(grading_queue).where(grading_queue.c.set_name == judgement_set))
    rows = [
        {
            "set_name": judgement_set,
            "query_image_id": one.query_image_id,
            "crop": crop_key(one.crop),
            "image_id": one.image_id,
            "number": one.number,
            "strategy": one.strategy,
            "added_at": one.added_at,
        }
        for one in pairs
    ]
    if rows:
        connection.execute(insert_into(connection, grading_queue).on_conflict_do_nothing(), rows)


def read_queue(connection: Connection, judgement_set: str, limit: int) -> list[QueuedPair]:
    """Pairs that wait, in their order; see `GradingQueue.waiting`."""
    return _pairs(connection, _waiting(judgement_set), limit)


def count_queue(connection: Connection, judgement_set: str) -> int:
    """How many wait."""
    return int(connection.execute(select(func.count()).select_from(_waiting(judgement_set).subquery())).scalar_one())


def read_next(
    connection: Connection, judgement_set: str, *, grader: str, unshared: bool, limit: int
) -> list[QueuedPair]:
    """Pairs of public images that a grader has not graded; see `GradingQueue.next_for`."""
    done = _graded() if unshared else _done_by(grader)
    statement = select(grading_queue).where(grading_queue.c.set_name == judgement_set, _is_public(), ~done)
    return _pairs(connection, statement, limit)


def read_progress(connection: Connection, *, grader: str) -> list[QueueProgress]:
    """How far each queue is, by the name of its set."""
    rows = connection.execute(
        select(
            grading_queue.c.set_name,
            grading_queue.c.strategy,
            func.count().label("pairs"),
            func.count().filter(_graded()).label("graded"),
            func.count().filter(_done_by(grader)).label("own"),
        )
        .where(_is_public())
        .group_by(grading_queue.c.set_name, grading_queue.c.strategy)
        .order_by(grading_queue.c.set_name, grading_queue.c.strategy)
    ).all()
    found: dict[str, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.set_name, []).append(row)
    return [
        QueueProgress(
            judgement_set=name,
            pairs=sum(row.pairs for row in of_set),
            graded=sum(row.graded for row in of_set),
            own=sum(row.own for row in of_set),
            strategies=tuple(row.strategy for row in of_set),
        )
        for name, of_set in found.items()
    ]


def read_pair(
    connection: Connection, judgement_set: str, query_image_id: str, crop: Box | None, image_id: str
) -> QueuedPair | None:
    """One pair of public images, whether or not it is graded; None where it is not queued."""
    statement = select(grading_queue).where(
        grading_queue.c.set_name == judgement_set,
        grading_queue.c.query_image_id == query_image_id,
        grading_queue.c.crop == crop_key(crop),
        grading_queue.c.image_id == image_id,
        _is_public(),
    )
    return next(iter(_pairs(connection, statement, 1)), None)


def _pairs(connection: Connection, statement: Select[Any], limit: int) -> list[QueuedPair]:
    ordered = statement.order_by(grading_queue.c.number, grading_queue.c.image_id).limit(limit)
    found = []
    for row in connection.execute(ordered):
        values = row._asdict()
        found.append(QueuedPair(judgement_set=values.pop("set_name"), crop=crop_of(values.pop("crop")), **values))
    return found


def _waiting(judgement_set: str) -> Select[Any]:
    return select(grading_queue).where(grading_queue.c.set_name == judgement_set, ~_graded())


def _graded(by: ColumnElement[bool] | None = None) -> ColumnElement[bool]:
    """Whether a queued pair has a grade.

    Args:
        by: which grades count; None for all.
    """
    return exists().where(
        grades.c.set_name == grading_queue.c.set_name,
        grades.c.query_image_id == grading_queue.c.query_image_id,
        grades.c.crop == grading_queue.c.crop,
        grades.c.image_id == grading_queue.c.image_id,
        true() if by is None else by,
    )


def _done_by(grader: str) -> ColumnElement[bool]:
    """Whether a grader has nothing more to say of a queued pair."""
    return _graded(or_(grades.c.user_id == grader, grades.c.source == ADJUDICATION))


def _is_public() -> ColumnElement[bool]:
    """Whether both images of a queued pair may be shown."""
    return and_(
        *(
            exists().where(images.c.id == column, images.c.visibility == Visibility.PUBLIC.value)
            for column in (grading_queue.c.query_image_id, grading_queue.c.image_id)
        )
    )
