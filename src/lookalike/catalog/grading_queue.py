"""Pairs of a query and an image that wait for a grade."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, exists, func, select

from lookalike.catalog.grades import crop_key, crop_of
from lookalike.catalog.records import is_image_id, require_storable
from lookalike.catalog.schema import grades, grading_queue
from lookalike.catalog.upserting import insert_into
from lookalike.errors import CallerError
from lookalike.types import Box


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
    statement = _waiting(judgement_set).order_by(grading_queue.c.number, grading_queue.c.image_id).limit(limit)
    found = []
    for row in connection.execute(statement):
        values = row._asdict()
        found.append(QueuedPair(judgement_set=values.pop("set_name"), crop=crop_of(values.pop("crop")), **values))
    return found


def count_queue(connection: Connection, judgement_set: str) -> int:
    """How many wait."""
    return int(connection.execute(select(func.count()).select_from(_waiting(judgement_set).subquery())).scalar_one())


def _waiting(judgement_set: str) -> Select[Any]:
    graded = exists().where(
        grades.c.set_name == grading_queue.c.set_name,
        grades.c.query_image_id == grading_queue.c.query_image_id,
        grades.c.crop == grading_queue.c.crop,
        grades.c.image_id == grading_queue.c.image_id,
    )
    return select(grading_queue).where(grading_queue.c.set_name == judgement_set, ~graded)
