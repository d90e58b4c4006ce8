"""Duties that one of all the processes that use a library does at a time."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import delete

from lookalike.catalog.database import Database
from lookalike.catalog.schema import leases
from lookalike.catalog.upserting import insert_into


class Leases:
    """Who does which duty, and until when nobody else does.

    Times are told by the clocks of the processes that ask: machines that share a catalog need clocks that agree
    within a small part of a lease.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, duty: str, *, holder: str, lasting: timedelta) -> bool:
        """Take a duty that nobody has, or hold on to one's own; it is free again when the time is over.

        Args:
            duty: its name.
            holder: names the process that asks, and no other.
            lasting: from now.

        Returns:
            Whether the duty is the holder's now.
        """
        now = datetime.now(UTC)
        values = {"holder": holder, "expires_at": now + lasting}
        free = (leases.c.expires_at <= now) | (leases.c.holder == holder)
        with self._database.writing(flushed=False) as connection:
            added = insert_into(connection, leases).values({"duty": duty, **values})
            taken = added.on_conflict_do_update(index_elements=[leases.c.duty], set_=values, where=free)
            return connection.execute(taken.returning(leases.c.duty)).one_or_none() is not None

    def give_back(self, duty: str, *, holder: str) -> None:
        """Let another process have a duty at once, where it is the holder's."""
        with self._database.writing(flushed=False) as connection:
            connection.execute(delete(leases).where(leases.c.duty == duty, leases.c.holder == holder))
