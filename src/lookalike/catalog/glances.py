"""Single rows that are read at each search: on connections that are kept for it, without a transaction around."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import SQLAlchemyError

from lookalike.catalog.kept_connections import KeptConnections, driver_of


class Glances:
    """Reads single rows. Thread-safe.

    Args:
        connect: opens a connection whose statements are no part of a transaction.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connections = KeptConnections(connect)

    def one(self, statement: Select[*tuple[Any, ...]]) -> Sequence[Any]:
        """The row that a statement without parameters has, as the database holds its values."""
        connection = self._connections.take()
        try:
            row = _row(connection, statement)
        except SQLAlchemyError:
            connection.close()
            self.close()  # a server that was restarted has dropped the others too
            raise
        self._connections.keep(connection)
        return row

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._connections.close()


def _row(connection: Connection, statement: Select[*tuple[Any, ...]]) -> Sequence[Any]:
    """SQLite answers in a tenth of the time that SQLAlchemy takes to ask it."""
    if connection.dialect.name == "sqlite":
        with suppress(sqlite3.Error, ValueError):  # what is wrong is told below, as an error of SQLAlchemy
            (row,) = driver_of(connection).execute(_sql(statement)).fetchall()
            found: tuple[Any, ...] = row
            return found
    return connection.execute(statement).one()


@cache
def _sql(statement: Select[*tuple[Any, ...]]) -> str:
    return str(statement.compile(dialect=sqlite.dialect()))
