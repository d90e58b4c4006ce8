"""Searches that were answered."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from lookalike.catalog import interactions
from lookalike.catalog.database import Database
from lookalike.catalog.records import QueryRecord


class Queries:
    """Answered searches, while they are kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, queries: Sequence[QueryRecord]) -> None:
        """Keep answered searches; of one whose id is known already, its hits where it has more now."""
        with self._database.changing() as change:
            interactions.write_queries(change, queries)

    def get(self, query_id: str) -> QueryRecord | None:
        """An answered search, while it is kept."""
        with self._database.reading() as connection:
            return interactions.read_query(connection, query_id)

    def followed(self, *, block: int = 1_000) -> Iterator[QueryRecord]:
        """Searches with whose hits something was done, in the order of their ids, read in blocks."""
        after = ""
        while True:
            with self._database.reading() as connection:
                found = interactions.read_followed_queries(connection, after=after, limit=block)
            yield from found
            if len(found) < block:
                return
            after = found[-1].id

    def forget(self, *, older_than: datetime, keep_with_interactions: bool = True) -> int:
        """Drop searches from before a time; how many.

        Args:
            older_than: a time with a zone.
            keep_with_interactions: keep those that people acted on; otherwise their interactions are dropped with them.
        """
        with self._database.changing() as change:
            return interactions.forget_queries(
                change, older_than=older_than, keep_with_interactions=keep_with_interactions
            )
