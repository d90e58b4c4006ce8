"""What people did with the hits of searches."""

from collections.abc import Iterator, Sequence

from lookalike.catalog import interactions
from lookalike.catalog.database import Database
from lookalike.types import Interaction


class Interactions:
    """Impressions, clicks and dwells."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, events: Sequence[Interaction]) -> int:
        """Keep what people did, all of it or nothing; an event id that is known already is left out.

        Returns:
            How many were not known.

        Raises:
            EventRefused: the message numbers the event (from 0) whose query is unknown, whose image is neither public
                nor among that query's hits, or whose values make no sense.
        """
        with self._database.writing() as connection:
            return interactions.write_interactions(connection, events)

    def read(self, *, block: int = 10_000) -> Iterator[Interaction]:
        """What was done with hits, in the order of event ids, read in blocks."""
        return self._database.read_in_blocks(
            lambda connection, after: interactions.read_interactions(connection, after=after, limit=block),
            key=lambda event: event.event_id,
            block=block,
        )
