"""Searches that were answered, and what people did with the hits."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, select

from lookalike.catalog import same_things
from lookalike.catalog.changing import chunks
from lookalike.catalog.records import QueryRecord, is_image_id, storable_text
from lookalike.catalog.schema import images, interactions, queries
from lookalike.catalog.upserting import insert_into
from lookalike.errors import EventRefused
from lookalike.types import Box, Interaction, InteractionKind, Visibility

_ID_BYTES = 16
_MOST_POSITION = 2**31 - 1
_RANKED = ("ranked_ids", "duplicate_ids", "duplicates_of", "neighbors", "images")
"""Columns of a query that grow while it is paged through."""


def write_queries(connection: Connection, records: Sequence[QueryRecord]) -> None:
    """Keep those queries; of one that is known already, what it ranks, where that goes on behind what is kept.

    Two processes may have gone on at once from the same record: what the first one wrote, and may have shown, stays.
    """
    latest = {record.id: record for record in records}
    if not latest:
        return
    added = insert_into(connection, queries)
    longer = func.length(added.excluded.ranked_ids) > func.length(queries.c.ranked_ids)
    ranked = {name: added.excluded[name] for name in _RANKED}
    begins_alike = func.substr(added.excluded.ranked_ids, 1, func.length(queries.c.ranked_ids)) == queries.c.ranked_ids
    written = added.on_conflict_do_update(index_elements=[queries.c.id], set_=ranked, where=longer & begins_alike)
    connection.execute(written, [_query_row(latest[key]) for key in sorted(latest)])


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
    )


def _ranked(stored: bytes) -> list[str]:
    digits = bytes(stored).hex()
    return [digits[start : start + 2 * _ID_BYTES] for start in range(0, len(digits), 2 * _ID_BYTES)]


def read_interactions(connection: Connection, *, after: str, limit: int) -> list[Interaction]:
    """What was done, in the order of event ids, from behind that one."""
    statement = (
        select(interactions).where(interactions.c.event_id > after).order_by(interactions.c.event_id).limit(limit)
    )
    return [_interaction(row) for row in connection.execute(statement)]


def _interaction(row: Row[Any]) -> Interaction:
    values = row._asdict()
    return Interaction(kind=InteractionKind(values.pop("kind")), **values)


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


def write_interactions(connection: Connection, events: Sequence[Interaction]) -> int:
    """Keep those not known yet, all or none; see `Interactions.write`."""
    for number, event in enumerate(events):
        _require_sense(number, event)
    known: set[str] = set()
    for chunk in chunks({event.event_id for event in events}):
        statement = select(interactions.c.event_id).where(interactions.c.event_id.in_(chunk))
        known.update(connection.execute(statement).scalars())
    new: dict[str, tuple[int, Interaction]] = {}
    for number, event in enumerate(events):
        if event.event_id not in known:
            new.setdefault(event.event_id, (number, event))
    if not new:
        return 0
    _require_known(connection, new.values())
    # The same events may come in twice at once: the database says which ones were written here.
    written = insert_into(connection, interactions).on_conflict_do_nothing().returning(interactions.c.event_id)
    rows = [_event_row(event) for _, event in (new[event_id] for event_id in sorted(new))]
    return len(connection.execute(written, rows).all())


def _event_row(event: Interaction) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "query_id": event.query_id,
        "image_id": event.image_id,
        "position": event.position,
        "kind": event.kind.value,
        "at": event.at,
        "dwell_seconds": event.dwell_seconds,
        "user_id": event.user_id,
        "simulated": event.simulated,
    }


def _require_sense(number: int, event: Interaction) -> None:
    texts = (event.event_id, event.query_id, event.user_id or "")
    dwell = event.dwell_seconds
    if not event.event_id or not all(storable_text(text) for text in texts):
        problem = "its event_id is empty, or one of its ids is not text"
    elif not 1 <= event.position <= _MOST_POSITION:
        problem = f"position {event.position} is not a rank from 1"
    elif (event.kind is InteractionKind.DWELL) != (dwell is not None):
        problem = "dwell_seconds goes with kind dwell, and only with it"
    elif dwell is not None and not (math.isfinite(dwell) and dwell >= 0):
        problem = f"dwell_seconds {dwell} is not a number from 0"
    elif event.at.tzinfo is None:
        problem = "its time has no zone"
    else:
        return
    raise EventRefused(f"event {number} ({event.event_id[:64]!a}): {problem}; nothing of this batch was stored")


def _require_known(connection: Connection, events: Iterable[tuple[int, Interaction]]) -> None:
    numbered = list(events)
    shown = _shown(connection, {event.query_id for _, event in numbered})
    not_ranked = {event.image_id for _, event in numbered if event.image_id not in shown.get(event.query_id, ())}
    seen: set[str] = set()  # by everybody; a hidden image is as unknown as one that is not there
    for chunk in chunks(image_id for image_id in not_ranked if is_image_id(image_id)):
        public = select(images.c.id).where(images.c.id.in_(chunk), images.c.visibility == Visibility.PUBLIC.value)
        seen.update(connection.execute(public).scalars())
    for number, event in numbered:
        if event.query_id not in shown:
            problem = f"query {event.query_id[:64]!a} is not known here, or no longer kept"
        elif event.image_id not in shown[event.query_id] and event.image_id not in seen:
            problem = f"image {event.image_id[:64]!a} was not among that query's hits"
        else:
            continue
        raise EventRefused(f"event {number} ({event.event_id[:64]!a}): {problem}; nothing of this batch was stored")


def _shown(connection: Connection, query_ids: Iterable[str]) -> Mapping[str, set[str]]:
    """The ids each known query ranked."""
    shown: dict[str, set[str]] = {}
    for chunk in chunks(query_ids):
        statement = select(queries.c.id, queries.c.ranked_ids).where(queries.c.id.in_(chunk)).order_by(queries.c.id)
        kept = statement.with_for_update(key_share=True, read=True)  # until their events are written
        shown.update((query_id, set(_ranked(stored))) for query_id, stored in connection.execute(kept))
    return shown
