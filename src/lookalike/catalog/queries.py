"""Searches that were answered."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Insert, Row, delete, exists, func, literal_column, select

from lookalike.catalog import same_things
from lookalike.catalog.records import AskedQuery, QueryRecord, storable_text
from lookalike.catalog.schema import interactions, queries
from lookalike.catalog.upserting import insert_for
from lookalike.types import Box

ID_BYTES = 16
"""Of an image's id, where a query's hits are packed one behind the other."""

_RANKED = ("ranked_ids", "duplicate_ids", "duplicates_of", "neighbors", "images")
"""Columns of a query that grow while it is paged through."""


def rows_of(records: Sequence[QueryRecord]) -> list[dict[str, Any]]:
    """What is written of queries: each once, in the order of their ids."""
    latest = {record.id: record for record in records}
    return [_query_row(latest[key]) for key in sorted(latest)]


@cache
def writing(dialect: str) -> Insert:
    """Keeps a query; of one that is known already, what it ranks, where that goes on behind what is kept.

    Two processes may have gone on at once from the same record: what the first one wrote, and may have shown, stays.
    The statement takes longer to make than to run.
    """
    added = insert_for(dialect, queries)
    longer = func.length(added.excluded.ranked_ids) > func.length(queries.c.ranked_ids)
    ranked = {name: added.excluded[name] for name in _RANKED}
    start: ColumnElement[int] = literal_column("1")  # in the text: its only parameters are the values of a row
    begins_alike = (
        func.substr(added.excluded.ranked_ids, start, func.length(queries.c.ranked_ids)) == queries.c.ranked_ids
    )
    return added.on_conflict_do_update(index_elements=[queries.c.id], set_=ranked, where=longer & begins_alike)


def _packed(image_ids: Iterable[str]) -> bytes:
    return bytes.fromhex("".join(image_ids))


def _pairs(duplicates: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """(hit, image behind it), in the order they are shown."""
    return [(image_id, other) for image_id, others in duplicates.items() for other in others]


def _duplicates(hits: bytes | None, others: bytes | None) -> dict[str, tuple[str, ...]]:
    """Images by the hit they stand behind."""
    behind: dict[str, tuple[str, ...]] = {}
    for image_id, other in zip(_ranked(hits or b""), _ranked(others or b""), strict=True):
        behind[image_id] = (*behind.get(image_id, ()), other)
    return behind


def _query_row(record: QueryRecord) -> dict[str, Any]:
    crop = record.crop
    behind = _pairs(record.duplicates)
    loose, close, very_close = record.calibration or (None, None, None)
    return {
        "id": record.id,
        "generation": record.generation,
        "image_id": record.image_id,
        "crop_x": crop.x if crop else None,
        "crop_y": crop.y if crop else None,
        "crop_width": crop.width if crop else None,
        "crop_height": crop.height if crop else None,
        "ranked_ids": _packed(record.ranked_ids),
        "at": record.at,
        "vector": record.vector,
        "fingerprint": record.fingerprint,
        "duplicate_ids": _packed(other for _, other in behind),
        "duplicates_of": _packed(image_id for image_id, _ in behind),
        "same_ids": _packed(record.same),
        "include_self": record.include_self,
        "neighbors": record.neighbors,
        "images": record.images,
        "loose_cosine": loose,
        "close_cosine": close,
        "very_close_cosine": very_close,
        "same_things": same_things.pack(record.same_things),
        "simulated": record.simulated,
        "filters": record.filters,
    }


def read_query(connection: Connection, query_id: str) -> QueryRecord | None:
    """The query of that id, while it is kept."""
    if not storable_text(query_id):
        return None
    row = connection.execute(select(queries).where(queries.c.id == query_id)).one_or_none()
    return None if row is None else _query(row)


def read_latest_queries(connection: Connection, limit: int) -> list[QueryRecord]:
    """The last queries that were answered, the latest first."""
    statement = select(queries).order_by(queries.c.at.desc(), queries.c.id).limit(limit)
    return [_query(row) for row in connection.execute(statement)]


def read_followed_queries(connection: Connection, *, after: str, limit: int) -> list[QueryRecord]:
    """Queries with whose hits something was done, in the order of their ids, from behind that one."""
    followed = exists().where(interactions.c.query_id == queries.c.id)
    statement = select(queries).where(queries.c.id > after, followed).order_by(queries.c.id).limit(limit)
    return [_query(row) for row in connection.execute(statement)]


def read_asked(
    connection: Connection,
    *,
    since: datetime | None,
    until: datetime | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[AskedQuery]:
    """What was asked from a time up to another, in the order of time and id, from behind that time and id."""
    hits = (func.length(queries.c.ranked_ids) / ID_BYTES).label("hits")
    cropped = queries.c.crop_x.is_not(None).label("cropped")
    of_query = (queries.c.id, queries.c.generation, queries.c.at, queries.c.image_id, cropped, hits)
    statement = select(*of_query, queries.c.simulated).order_by(queries.c.at, queries.c.id).limit(limit)
    if since is not None:
        statement = statement.where(queries.c.at >= since)
    if until is not None:
        statement = statement.where(queries.c.at < until)
    if after is not None:
        statement = statement.where(behind(queries.c.at, queries.c.id, after))
    return [AskedQuery(**row._asdict()) for row in connection.execute(statement)]


def behind(time: ColumnElement[Any], name: ColumnElement[Any], after: tuple[datetime, str]) -> ColumnElement[bool]:
    """Whether a row stands behind that time and name, in their order; an index on both finds where to begin."""
    return (time >= after[0]) & ((time > after[0]) | (name > after[1]))


def _query(row: Row[Any]) -> QueryRecord:
    crop = None
    if row.crop_x is not None:
        crop = Box(x=row.crop_x, y=row.crop_y, width=row.crop_width, height=row.crop_height)
    marks = (row.loose_cosine, row.close_cosine, row.very_close_cosine)
    return QueryRecord(
        id=row.id,
        generation=row.generation,
        ranked_ids=tuple(_ranked(row.ranked_ids)),
        at=row.at,
        image_id=row.image_id,
        crop=crop,
        vector=None if row.vector is None else bytes(row.vector),
        fingerprint=row.fingerprint,
        duplicates=_duplicates(row.duplicates_of, row.duplicate_ids),
        same=tuple(_ranked(row.same_ids or b"")),
        include_self=row.include_self,
        neighbors=row.neighbors,
        images=row.images,
        calibration=None if None in marks else marks,
        same_things=same_things.unpack(row.same_things),
        simulated=row.simulated,
        filters=row.filters,
    )


def _ranked(stored: bytes) -> list[str]:
    digits = bytes(stored).hex()
    return [digits[start : start + 2 * ID_BYTES] for start in range(0, len(digits), 2 * ID_BYTES)]


def forget_queries(connection: Connection, *, older_than: datetime, keep_with_interactions: bool, most: int) -> int:
    """Drop at most so many old queries; see `Queries.forget`."""
    followed = exists().where(interactions.c.query_id == queries.c.id)
    old = queries.c.at < older_than
    # On a server: what an event is being written of is left alone, and new events of the others wait.
    chosen = select(queries.c.id).where(old, ~followed) if keep_with_interactions else select(queries.c.id).where(old)
    chosen = chosen.order_by(queries.c.at).limit(most).with_for_update(skip_locked=True)
    forgotten = list(connection.execute(chosen).scalars())
    if not keep_with_interactions:
        connection.execute(delete(interactions).where(interactions.c.query_id.in_(forgotten)))
    return connection.execute(delete(queries).where(queries.c.id.in_(forgotten), ~followed)).rowcount
