"""Single rows that are read at each search: on connections that are kept for it, without a transaction around."""

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import SQLAlchemyError

from lookalike.catalog.engine import is_replaced


class Glances:
    """Reads single rows. Thread-safe.

    Args:
        connect: opens a connection whose statements are no part of a transaction.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connections: deque[Connection] = deque()

    def one(self, statement: Select[*tuple[Any, ...]]) -> Sequence[Any]:
        """The row that a statement without parameters has, as the database holds its values."""
        connection = self._connection()
        try:
            row = _row(connection, statement)
        except SQLAlchemyError:
            connection.close()
            self.close()  # a server that was restarted has dropped the others too
            raise
        self._connections.append(connection)
        return row

    def close(self) -> None:
        """Close the connections that are kept open."""
        with suppress(IndexError):  # other threads take from it meanwhile
            while True:
                self._connections.pop().close()

    def _connection(self) -> Connection:
        try:
            connection = self._connections.pop()
        except IndexError:
            return self._connect()
        if not is_replaced(connection):
            return connection
        connection.close()  # the pool opens the file that is there now
        self.close()
        return self._connect()


def _row(connection: Connection, statement: Select[*tuple[Any, ...]]) -> Sequence[Any]:
    """SQLite answers in a tenth of the time that SQLAlchemy takes to ask it."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        with suppress(sqlite3.Error, ValueError):  # what is wrong is told below, as an error of SQLAlchemy
            (row,) = driver.execute(_sql(statement)).fetchall()
            found: tuple[Any, ...] = row
            return found
    return connection.execute(statement).one()


@cache
def _sql(statement: Select[*tuple[Any, ...]]) -> str:
    return str(statement.compile(dialect=sqlite.dialect()))
