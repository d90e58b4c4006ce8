"""Single rows that are read at each search: on connections that are kept for it, without a transaction around."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Executable, Row
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

    def one(self, statement: Executable) -> Row[Any]:
        """The row that a statement has."""
        connection = self._connection()
        try:
            row = connection.execute(statement).one()
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
