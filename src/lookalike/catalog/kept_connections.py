"""Connections that are kept open for what runs at each search: taking one from the pool would take longer than that."""

import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from lookalike.catalog.engine import is_replaced

T = TypeVar("T")


class KeptConnections:
    """Connections that nobody uses now. Thread-safe.

    Args:
        connect: opens a connection whose statements are no part of a transaction.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._kept: deque[Connection] = deque()

    def take(self) -> Connection:
        """One for the caller alone, to the file that is there now; a new one where none is kept."""
        try:
            connection = self._kept.pop()
        except IndexError:
            return self._connect()
        if not is_replaced(connection):
            return connection
        connection.close()  # the pool opens the file that is there now
        self.close()
        return self._connect()

    def keep(self, connection: Connection) -> None:
        """Keep one that was taken, and works, for the next caller."""
        self._kept.append(connection)

    def try_out(self, work: Callable[[Connection], T]) -> T | None:
        """What work with a connection gives; None where that was not possible, and whatever it changed is undone.

        Args:
            work: begins and ends its own transaction, through SQLite's driver.
        """
        try:
            connection = self.take()
        except SQLAlchemyError:
            return None
        try:
            found = work(connection)
        except (sqlite3.Error, SQLAlchemyError, ValueError):
            with suppress(sqlite3.Error, SQLAlchemyError):
                driver_of(connection).rollback()
                connection.close()
            return None
        self.keep(connection)
        return found

    def close(self) -> None:
        """Close those that are kept."""
        with suppress(IndexError):  # other threads take from it meanwhile
            while True:
                self._kept.pop().close()


def driver_of(connection: Connection) -> Any:
    """SQLite's own connection under one of SQLAlchemy's."""
    return connection.connection.driver_connection
