"""Short writes that a caller waits for: on connections that are kept for them, by one statement in one transaction."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert
from sqlalchemy.dialects import sqlite

from lookalike.catalog.engine import begin_unflushed
from lookalike.catalog.kept_connections import KeptConnections, driver_of

_DIALECT = sqlite.dialect()


class SmallWrites:
    """Writes rows to a SQLite file through the driver itself, which takes a third of SQLAlchemy's time. Thread-safe.

    Args:
        connect: opens a connection whose statements are no part of a transaction.
        patience: how long to wait for other writers, seconds.
    """

    def __init__(self, connect: Callable[[], Connection], *, patience: float) -> None:
        self._patience = patience
        self._connections = KeptConnections(connect)

    def insert(self, statement: Insert, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Run the statement once for each row, in one transaction that does not wait for the disk.

        Args:
            statement: for one row. It is compiled once, so it must be the same object each time.
            rows: values by column; all of the same columns.

        Returns:
            False where that was not possible, and nothing was written: SQLAlchemy then tells why.
        """

        def write(connection: Connection) -> bool:
            driver = driver_of(connection)
            begin_unflushed(connection, self._patience)
            driver.executemany(*_driven(statement, rows))
            driver.execute("COMMIT")
            return True

        return self._connections.try_out(write) or False

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._connections.close()


def _driven(statement: Insert, rows: Sequence[Mapping[str, Any]]) -> tuple[str, list[list[Any]]]:
    """The statement as text, and its parameters, as the driver takes them."""
    text, names, conversions = _compiled(statement, tuple(rows[0]))
    values = [[row[name] for name in names] for row in rows]
    for place, convert in conversions:
        for one in values:
            one[place] = convert(one[place])
    return text, values


@cache
def _compiled(
    statement: Insert, columns: tuple[str, ...]
) -> tuple[str, tuple[str, ...], tuple[tuple[int, Callable[[Any], Any]], ...]]:
    """The text, the columns of its parameters in order, and what converts the values of some of them."""
    compiled = statement.compile(dialect=_DIALECT, column_keys=list(columns))
    names = tuple(compiled.positiontup or ())
    types = {name: statement.table.c[name].type for name in names}
    found = ((place, types[name].dialect_impl(_DIALECT).bind_processor(_DIALECT)) for place, name in enumerate(names))
    return str(compiled), names, tuple((place, convert) for place, convert in found if convert is not None)
