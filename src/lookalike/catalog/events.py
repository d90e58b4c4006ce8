"""What people did with the hits of searches: checked event by event, stored, read and forgotten."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Insert, Row, delete, func, or_, select

from lookalike.catalog.changing import chunks
from lookalike.catalog.queries import ID_BYTES, behind
from lookalike.catalog.records import RefusedEvent, WrittenEvents, is_image_id, storable_text
from lookalike.catalog.schema import interactions, queries
from lookalike.catalog.upserting import insert_for
from lookalike.types import Interaction, InteractionKind

LONGEST_DWELL = 86_400.0
"""Seconds: nobody looks at one picture for more than a day."""

_MOST_NUMBER = 2**31 - 1
_PEOPLE = (interactions.c.user_id, interactions.c.client_id, interactions.c.session_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events are read.

    Attributes:
        since: from this time; a time with a zone.
        until: up to this time, without it.
        kinds: only these; None for all.
        simulated: only simulated ones, or only those of people; None for both.
    """

    since: datetime | None = None
    until: datetime | None = None
    kinds: tuple[InteractionKind, ...] | None = None
    simulated: bool | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The filter in SQL."""
        found: list[ColumnElement[bool]] = []
        if self.since is not None:
            found.append(interactions.c.at >= self.since)
        if self.until is not None:
            found.append(interactions.c.at < self.until)
        if self.kinds is not None:
            found.append(interactions.c.kind.in_([kind.value for kind in self.kinds]))
        if self.simulated is not None:
            found.append(interactions.c.simulated.is_(self.simulated))
        return found


def write_events(connection: Connection, events: Sequence[Interaction]) -> WrittenEvents:
    """Keep the events that are new and make sense, and say why the others are not kept.

    Whatever is in the batch, it takes one look-up of its queries (500 at a time) and one insert. An event that is known
    is not looked up before: the insert leaves it out.
    """
    refused = [refusal for number, event in enumerate(events) if (refusal := _nonsense(number, event))]
    wrong = {refusal.number for refusal in refused}
    sensible = [(number, event) for number, event in enumerate(events) if number not in wrong]
    shown = _shown(connection, {event.query_id for _, event in sensible})
    fitting: dict[str, Interaction] = {}
    for number, event in sensible:
        refusal = _misfit(number, event, shown.get(event.query_id))
        if refusal:
            refused.append(refusal)
        else:
            fitting.setdefault(event.event_id, event)
    stored = _insert(connection, [fitting[event_id] for event_id in sorted(fitting)])
    return WrittenEvents(
        stored=stored,
        already_known=len(events) - len(refused) - stored,
        refused=tuple(sorted(refused, key=lambda one: one.number)),
    )


def _insert(connection: Connection, events: Sequence[Interaction]) -> int:
    if not events:
        return 0
    # The same events may come in twice at once: the database says how many were written here.
    return connection.execute(_inserting(connection.dialect.name), [_row(event) for event in events]).rowcount


@cache
def _inserting(dialect: str) -> Insert:
    """The statement, which takes longer to make than to run for a few events."""
    return insert_for(dialect, interactions).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


def _row(event: Interaction) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "query_id": event.query_id,
        "image_id": event.image_id,
        "position": event.position,
        "kind": event.kind.value,
        "at": event.at,
        "dwell_seconds": event.dwell_seconds,
        "grid_row": event.row,
        "grid_column": event.column,
        "fold": event.fold,
        "x": event.x,
        "y": event.y,
        "client_id": event.client_id,
        "session_id": event.session_id,
        "user_id": event.user_id,
        "application": event.application,
        "simulated": event.simulated,
    }


def _nonsense(number: int, event: Interaction) -> RefusedEvent | None:
    """The refusal of an event that makes no sense, whatever was asked."""
    problem = _wrong_name(event) or _wrong_dwell(event) or _wrong_place(event)
    if problem is None:
        return None
    return RefusedEvent(number=number, event_id=event.event_id, reason="invalid", message=problem)


def _wrong_name(event: Interaction) -> str | None:
    optional = (event.client_id, event.session_id, event.user_id, event.application)
    texts = (event.event_id, event.query_id, *filter(None, optional))
    if not event.event_id or not storable_text("".join(texts)):
        return "its event_id is empty, or one of its ids is not text"
    return "its time has no zone" if event.at.tzinfo is None else None


def _wrong_dwell(event: Interaction) -> str | None:
    dwell = event.dwell_seconds
    if (event.kind is InteractionKind.DWELL) != (dwell is not None):
        return "dwell_seconds goes with kind dwell, and only with it"
    if dwell is not None and not 0 <= dwell <= LONGEST_DWELL:  # nor is NaN
        return f"dwell_seconds {dwell} is not from 0 to {LONGEST_DWELL:.0f}, which is a day"
    return None


def _wrong_place(event: Interaction) -> str | None:
    if not 1 <= event.position <= _MOST_NUMBER:
        return f"position {event.position} is not a rank from 1"
    if not all(1 <= place <= _MOST_NUMBER for place in (event.row, event.column) if place is not None):
        return f"row {event.row} and column {event.column} are counted from 1"
    if event.fold is not None and not 0 <= event.fold <= _MOST_NUMBER:
        return f"fold {event.fold} is counted from 0"
    if not all(math.isfinite(place) for place in (event.x, event.y) if place is not None):
        return f"x {event.x} and y {event.y} are not both numbers"
    return None


def _misfit(number: int, event: Interaction, shown: "_Shown | None") -> RefusedEvent | None:
    """The refusal of an event that does not belong to what was asked."""
    if shown is None:
        reason = "unknown-query"
        problem = f"query {event.query_id[:64]!a} is not known here, or no longer kept"
    elif event.position > shown.hits:
        reason, problem = "beyond-the-list", f"position {event.position} is beyond the {shown.hits} hits of that query"
    elif not is_image_id(event.image_id) or bytes.fromhex(event.image_id) not in shown.images:
        reason, problem = "not-shown", f"image {event.image_id[:64]!a} was not among that query's hits"
    else:
        return None
    return RefusedEvent(number=number, event_id=event.event_id, reason=reason, message=problem)


@dataclass(frozen=True, slots=True)
class _Shown:
    """How many hits a query has, and the packed ids of its hits and of what stands behind them."""

    hits: int
    images: frozenset[bytes]


def _shown(connection: Connection, query_ids: Iterable[str]) -> Mapping[str, _Shown]:
    """By the id of a known query."""
    found: dict[str, _Shown] = {}
    columns = (queries.c.id, queries.c.ranked_ids, queries.c.duplicate_ids)
    for chunk in chunks(sorted(query_ids)):
        statement = select(*columns).where(queries.c.id.in_(chunk)).order_by(queries.c.id)
        kept = statement.with_for_update(key_share=True, read=True)  # until their events are written
        for query_id, ranked, alike in connection.execute(kept):
            images = frozenset(_unpacked(bytes(ranked))).union(_unpacked(bytes(alike or b"")))
            found[query_id] = _Shown(hits=len(ranked) // ID_BYTES, images=images)
    return found


def _unpacked(packed: bytes) -> list[bytes]:
    return [packed[start : start + ID_BYTES] for start in range(0, len(packed), ID_BYTES)]


def read_by_id(connection: Connection, *, after: str, limit: int) -> list[Interaction]:
    """What was done, in the order of event ids, from behind that one."""
    ordered = select(interactions).where(interactions.c.event_id > after).order_by(interactions.c.event_id)
    return [_interaction(row) for row in connection.execute(ordered.limit(limit))]


def read_log(
    connection: Connection, wanted: EventFilter, *, after: tuple[datetime, str] | None, limit: int
) -> list[Interaction]:
    """What was done, in the order of time and event id, from behind that time and id."""
    statement = select(interactions).where(*wanted.conditions())
    if after is not None:
        statement = statement.where(behind(interactions.c.at, interactions.c.event_id, after))
    ordered = statement.order_by(interactions.c.at, interactions.c.event_id).limit(limit)
    return [_interaction(row) for row in connection.execute(ordered)]


def read_extent(connection: Connection) -> tuple[datetime, datetime] | None:
    """When the first and the last thing was done; None where nothing was."""
    first, last = connection.execute(select(func.min(interactions.c.at), func.max(interactions.c.at))).one()
    return None if first is None else (first, last)


def _interaction(row: Row[Any]) -> Interaction:
    values = row._asdict()
    kind = InteractionKind(values.pop("kind"))
    return Interaction(kind=kind, row=values.pop("grid_row"), column=values.pop("grid_column"), **values)


def forget_events(connection: Connection, *, older_than: datetime, most: int) -> int:
    """Drop at most so many events from before a time; how many."""
    return _forget(connection, interactions.c.at < older_than, most)


def forget_events_of(connection: Connection, person: str, *, most: int) -> int:
    """Drop at most so many events of a user, client or session of that id; how many."""
    return _forget(connection, or_(*(column == person for column in _PEOPLE)), most)


def _forget(connection: Connection, which: ColumnElement[bool], most: int) -> int:
    chosen = select(interactions.c.event_id).where(which).limit(most)
    return connection.execute(delete(interactions).where(interactions.c.event_id.in_(chosen))).rowcount
