"""Searches that were answered."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from lookalike.catalog import queries as sql
from lookalike.catalog.database import Database
from lookalike.catalog.records import AskedQuery, QueryRecord

_FORGOTTEN_AT_ONCE = 500  # queries a transaction, so that searches and clicks get in between


class Queries:
    """Answered searches, while they are kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, queries: Sequence[QueryRecord]) -> None:
        """Keep answered searches; of one whose id is known already, its hits where it has more now behind those kept.

        Every process sees them when this returns. They survive the end of this process, and a power cut once an event
        of any of them, or anything else, was written after them: a search owes its caller no wait for the disk.
        """
        if queries:
            statement = sql.writing(self._database.engine.dialect.name)
            self._database.insert_unflushed(statement, sql.rows_of(queries))

    def get(self, query_id: str) -> QueryRecord | None:
        """An answered search, while it is kept."""
        with self._database.reading() as connection:
            return sql.read_query(connection, query_id)

    def latest(self, limit: int) -> list[QueryRecord]:
        """At most so many of the last answered searches, the latest first."""
        with self._database.reading() as connection:
            return sql.read_latest_queries(connection, limit)

    def followed(self, *, block: int = 1_000) -> Iterator[QueryRecord]:
        """Searches with whose hits something was done, in the order of their ids, read in blocks."""
        return self._database.read_in_blocks(
            lambda connection, after: sql.read_followed_queries(connection, after=after, limit=block),
            key=lambda query: query.id,
            first="",
            block=block,
        )

    def asked(
        self, *, since: datetime | None = None, until: datetime | None = None, block: int = 10_000
    ) -> Iterator[AskedQuery]:
        """What was asked from `since` up to `until` (without), in the order of time, read in blocks."""
        return self._database.read_in_blocks(
            lambda connection, after: sql.read_asked(connection, since=since, until=until, after=after, limit=block),
            key=lambda query: (query.at, query.id),
            block=block,
            first=None,
        )

    def forget(self, *, older_than: datetime, keep_with_interactions: bool = True) -> int:
        """Drop searches from before a time; how many.

        Args:
            older_than: a time with a zone.
            keep_with_interactions: keep those that people acted on; otherwise their interactions are dropped with them.
        """
        forgotten = 0
        while True:
            with self._database.writing() as connection:
                dropped = sql.forget_queries(
                    connection,
                    older_than=older_than,
                    keep_with_interactions=keep_with_interactions,
                    most=_FORGOTTEN_AT_ONCE,
                )
            forgotten += dropped
            if dropped < _FORGOTTEN_AT_ONCE:
                return forgotten
