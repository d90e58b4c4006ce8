"""What people did with the hits of searches."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection

from lookalike.catalog import events as sql
from lookalike.catalog.database import Database
from lookalike.catalog.events import EventFilter
from lookalike.catalog.records import WrittenEvents, storable_text
from lookalike.errors import EventRefused
from lookalike.types import Interaction

_ALL = EventFilter()
_FORGOTTEN_AT_ONCE = 5_000  # events a transaction, so that searches and clicks get in between


class Interactions:
    """Impressions, clicks, dwells, and images that were saved or called not similar."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, events: Sequence[Interaction]) -> int:
        """Keep what people did, all of it or nothing; an event id that is known already is left out.

        Returns:
            How many were not known.

        Raises:
            EventRefused: the message numbers the event (from 0) whose query is unknown, whose position is beyond that
                query's hits, whose image is not among them, or whose values make no sense.
        """
        with self._database.writing() as connection:
            written = sql.write_events(connection, events)
            if written.refused:
                raise EventRefused(f"{written.refused[0]}; nothing of this batch was stored")
        return written.stored

    def write_good(self, events: Sequence[Interaction]) -> WrittenEvents:
        """Keep what can be kept, in one transaction; events may come late and in any order.

        Returns:
            How many were new, how many were known, and why each of the others was refused.
        """
        with self._database.writing() as connection:
            return sql.write_events(connection, events)

    def read(self, *, block: int = 10_000) -> Iterator[Interaction]:
        """What was done with hits, in the order of event ids, read in blocks."""
        return self._database.read_in_blocks(
            lambda connection, after: sql.read_by_id(connection, after=after, limit=block),
            key=lambda event: event.event_id,
            first="",
            block=block,
        )

    def log(self, wanted: EventFilter = _ALL, *, block: int = 10_000) -> Iterator[Interaction]:
        """What was done with hits, in the order of time, read in blocks.

        Args:
            wanted: which events; all of them by default, simulated ones too.
            block: how many a transaction reads.
        """
        return self._database.read_in_blocks(
            lambda connection, after: sql.read_log(connection, wanted, after=after, limit=block),
            key=lambda event: (event.at, event.event_id),
            first=None,
            block=block,
        )

    def extent(self) -> tuple[datetime, datetime] | None:
        """When the first and the last thing was done; None where nothing was."""
        with self._database.reading() as connection:
            return sql.read_extent(connection)

    def forget(self, *, older_than: datetime) -> int:
        """Drop events from before a time (with a zone); how many. Several transactions, so that others can write."""
        return self._repeat(
            lambda connection: sql.forget_events(connection, older_than=older_than, most=_FORGOTTEN_AT_ONCE)
        )

    def forget_person(self, person: str) -> int:
        """Drop every event of a person, by the id of the user, the client or the session; how many."""
        if not person or not storable_text(person):
            return 0
        return self._repeat(lambda connection: sql.forget_events_of(connection, person, most=_FORGOTTEN_AT_ONCE))

    def _repeat(self, forget: Callable[[Connection], int]) -> int:
        forgotten = 0
        while True:
            with self._database.writing() as connection:
                dropped = forget(connection)
            forgotten += dropped
            if dropped < _FORGOTTEN_AT_ONCE:
                return forgotten
