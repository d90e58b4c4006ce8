"""Writing rows that may be there already, in one statement that is right whoever else writes at the same time."""

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT with `on_conflict_do_nothing` and `on_conflict_do_update`, which both databases have."""
    return insert_for(connection.dialect.name, table)


def insert_for(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    """The same by the name of the database's dialect."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
