"""Bringing a database to this program's schema, and refusing one from a newer program."""

import logging
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, column, func, inspect, select, table
from sqlalchemy.exc import OperationalError

from lookalike.catalog import schema
from lookalike.catalog.engine import describe_url, is_read_only, reading, writing
from lookalike.durable import sync
from lookalike.errors import LibraryBusy, LibraryTooNew, StorageFailed
from lookalike.on_demand import load

logger = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_NUMBER = 0x6C6F6F6B  # "look": any number that other programs in the same database do not use


def bring_up_to_date(engine: Engine, *, busy_seconds: float) -> None:
    """Create the tables or migrate them; returns within milliseconds when there is nothing to do.

    Raises:
        LibraryTooNew: the stored revision is not one of ours; nothing was changed.
        LibraryBusy: another process held the database for `busy_seconds`.
    """
    with reading(engine).connect() as connection:
        revision = stored_revision(connection)
        if revision == schema.HEAD_REVISION:
            return
        _require_known(connection, revision)
    if is_read_only(engine.url):
        raise StorageFailed(
            f"{describe_url(engine.url)}: the library can only be read here, and its catalog has to be brought to a"
            " newer schema first: open it once where it can be written"
        )
    if engine.dialect.name == "sqlite":
        _use_write_ahead_log(engine, busy_seconds)
    with writing(engine).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK_NUMBER)))
        if stored_revision(connection) != schema.HEAD_REVISION:
            upgrade(connection)
            logger.info("brought the catalog to schema %d", schema.SCHEMA_VERSION)
    if engine.dialect.name == "sqlite":
        sync(Path(str(engine.url.database)).parent)


def stored_revision(connection: Connection) -> str | None:
    """The Alembic revision of the tables; None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(select(column("version_num")).select_from(table("alembic_version"))).scalar()


def _require_known(connection: Connection, revision: str | None) -> None:
    known = {script.revision for script in _alembic("script").ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if revision is None or revision in known:
        return
    version = _stored_version(connection)
    raise LibraryTooNew(
        f"{describe_url(connection.engine.url)} has schema {version or 'unknown'} (revision {revision});"
        f" this program knows schemas up to {schema.SCHEMA_VERSION}. Nothing was changed."
        " Use the newer lookalike that wrote it."
    )


def _stored_version(connection: Connection) -> int | None:
    if not inspect(connection).has_table("library"):
        return None
    return connection.execute(select(column("schema_version")).select_from(table("library"))).scalar()


def upgrade(connection: Connection, revision: str = schema.HEAD_REVISION) -> None:
    """Run the migrations up to a revision, in the transaction that the connection is in."""
    config = _alembic("config").Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    _alembic("command").upgrade(config, revision)


def _alembic(module: str) -> Any:
    """Takes as long to import as the rest of opening a library, which rarely needs it."""
    return load(f"alembic.{module}", otherwise="migrations need Alembic: run `pip install alembic`")


def _use_write_ahead_log(engine: Engine, busy_seconds: float) -> None:
    """Switch the file to WAL, for good; SQLite does not wait for another process here, so we do."""
    deadline = time.monotonic() + busy_seconds
    while True:
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise OperationalError("PRAGMA journal_mode", None, error) from error
            if time.monotonic() > deadline:
                raise LibraryBusy(f"{describe_url(engine.url)}: another process holds the lock") from error
            time.sleep(0.02)
        else:
            return
        finally:
            connection.close()
