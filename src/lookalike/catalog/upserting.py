"""Writing rows that may be there already, in one statement that is right whoever else writes at the same time."""

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT with `on_conflict_do_nothing` and `on_conflict_do_update`, which both databases have."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
