"""Connections: one engine for each database, its transactions, and its errors in our words."""

import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from lookalike.errors import CallerError, DependencyMissing, InternalFault, LibraryBusy, LookalikeError, StorageFailed

logger = logging.getLogger(__name__)

_BEGIN = "lookalike_begin"
"""The execution option that says how a SQLite transaction begins; "" is no transaction at all."""

_PAUSE = "lookalike_pause"
"""The execution option that says how long to sleep between two looks at a SQLite file's write lock, seconds."""

_FLUSHED = "lookalike_flushed"
"""The execution option that says whether a commit waits until the disk has it."""

_PATIENCE = "lookalike_patience"
"""The execution option that says how long a writer waits for others, seconds, where it is not the engine's time."""

_SHORT_PAUSE, _PAUSE_OF_LARGE_WRITES = 0.001, 0.005  # seconds: whoever writes little gets in between large writes

_FILE = "lookalike_file"
"""In a connection's info: the path of its SQLite file, and which file that was when the connection was made."""

_IMMEDIATE = "BEGIN IMMEDIATE"
_READ_AND_WRITE, _READ_BESIDE_A_WRITER, _READ_UNCHANGING = "mode=rw", "mode=ro", "mode=ro&immutable=1"

_SQLITE_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_SQLITE_STORAGE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_TOOBIG,
}
# SQLSTATE: lock not available, query cancelled (timeouts), deadlock, serialisation failure.
_POSTGRESQL_BUSY = {"55P03", "57014", "40P01", "40001"}
# Classes: connection, authorisation, no such database, resources, operator, system, configuration, corruption; 25006 is
# a read-only transaction.
_POSTGRESQL_STORAGE = ("08", "28", "3D", "53", "57", "58", "F0", "XX", "25006")
_POSTGRESQL_BAD_VALUE = "22"


def sqlite_url(file: Path) -> str:
    """The URL of a SQLite file, whatever characters its path has."""
    return URL.create("sqlite", database=str(file.absolute())).render_as_string(hide_password=False)


def parse_url(url: str) -> URL:
    """The URL with its driver named.

    Raises:
        ValueError: neither SQLite in a file nor PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # its message would repeat the password
        raise ValueError("this is no URL such as sqlite:////FILE or postgresql://USER@HOST/DATABASE") from None
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        raise ValueError(f"{describe_url(parsed)}: the catalog is kept in a SQLite file or in PostgreSQL")
    return parsed


def describe_url(url: URL) -> str:
    """The database in words, without its password."""
    if url.get_backend_name() == "sqlite":
        return f"SQLite file {url.database!s}"
    return f"PostgreSQL {url.database or ''} on {url.host or 'this machine'}".replace("  ", " ")


def make_engine(url: URL, *, busy_seconds: float) -> Engine:
    """An engine whose writers wait up to `busy_seconds` for each other.

    Raises:
        DependencyMissing: psycopg is not installed.
    """
    pool: dict[str, Any] = {"pool_size": 8, "max_overflow": 56, "pool_timeout": busy_seconds}
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": busy_seconds}, **pool)
        event.listen(engine, "do_connect", partial(_open_sqlite, Path(str(url.database)).absolute()))
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "checkout", _require_same_file)
        event.listen(engine, "begin", partial(_begin_sqlite, busy_seconds))
        return engine
    try:
        engine = create_engine(url, pool_pre_ping=True, **pool)
    except ModuleNotFoundError as error:
        raise DependencyMissing("PostgreSQL needs psycopg: pip install 'lookalike[postgresql]'") from error

    def prepare(connection: Any, _record: Any) -> None:
        connection.execute(f"SET lock_timeout = {round(busy_seconds * 1000)}")
        connection.execute("SET synchronous_commit = on")
        connection.commit()

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def reading(engine: Engine) -> Engine:
    """The same connections; a transaction sees one state of the database from its first statement to its last."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{_BEGIN: "BEGIN"})
    return engine.execution_options(isolation_level="REPEATABLE READ")


def writing(engine: Engine, *, large: bool = False, flushed: bool = True, patience: float | None = None) -> Engine:
    """The same connections; on SQLite a transaction takes the write lock at its start, so it never fails midway.

    Args:
        engine: from `make_engine`.
        large: its transactions write much, and let small ones go first.
        flushed: a commit returns when the disk has it. Otherwise it is seen by every process at once and survives the
            end of this one, and is lost in a power cut unless a flushed one came after it.
        patience: how long to wait for other writers, seconds; None for the time of the engine.
    """
    pause = _PAUSE_OF_LARGE_WRITES if large else _SHORT_PAUSE
    return engine.execution_options(**{_BEGIN: _IMMEDIATE, _PAUSE: pause, _FLUSHED: flushed, _PATIENCE: patience})


def statement_at_a_time(engine: Engine) -> Engine:
    """The same connections, without transactions around statements."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{_BEGIN: ""})
    return engine.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def storage_errors(where: str) -> Iterator[None]:
    """Turn the database's errors into ours.

    Raises:
        LibraryBusy: a lock was not to be had in time.
        StorageFailed: the disk is full or read-only, the file is damaged, or the server is out of reach.
        CallerError: a value does not fit.
        InternalFault: any other refusal of the database is a mistake of this package.
    """
    try:
        yield
    except DBAPIError as error:
        raise _translated(error, where) from error
    except PoolTimeout as error:
        raise LibraryBusy(f"{where}: too many connections are in use; try again") from error
    except SQLAlchemyError as error:
        raise InternalFault(f"{where}: {error}") from error


def _translated(error: DBAPIError, where: str) -> LookalikeError:
    original = error.orig
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        busy, storage, bad_value = code in _SQLITE_BUSY, code in _SQLITE_STORAGE, False
    else:
        state = getattr(original, "sqlstate", None) or ("08000" if error.connection_invalidated else "")
        # A refused connection carries no state at all.
        out_of_reach = not state and type(original).__name__ == "OperationalError"
        busy = state in _POSTGRESQL_BUSY
        storage = not busy and (state.startswith(_POSTGRESQL_STORAGE) or out_of_reach)
        bad_value = state.startswith(_POSTGRESQL_BAD_VALUE)
    reason = " ".join(str(original).split())
    if busy:
        return LibraryBusy(f"{where}: another process holds the lock ({reason}); try again when it has finished")
    if storage:
        return StorageFailed(f"{where}: {reason}; this change was not stored, what was stored before is safe")
    if bad_value:
        return CallerError(f"a value does not fit ({reason})")
    return InternalFault(f"{where}: {reason}")


def is_read_only(url: URL) -> bool:
    """Whether a SQLite file can only be read: its file system or its permissions forbid writing."""
    return url.get_backend_name() == "sqlite" and _mode(str(url.database)) != _READ_AND_WRITE


def is_replaced(connection: Connection) -> bool:
    """Whether another file is at the SQLite file's path now than the one this connection has open."""
    return _is_replaced(connection.info)


def _is_replaced(info: dict[str, Any]) -> bool:
    if _FILE not in info:
        return False
    file, opened = info[_FILE]
    return bool(_which_file(file) != opened)


def _mode(path: str) -> str:
    """How SQLite can open a file; its log can be read without writing only while a writer keeps its index beside it."""
    if os.access(path, os.W_OK) and os.access(os.path.dirname(path), os.W_OK):  # noqa: PTH120 - at each search
        return _READ_AND_WRITE
    return _READ_BESIDE_A_WRITER if Path(f"{path}-shm").exists() else _READ_UNCHANGING


def _which_file(file: Path) -> tuple[object, ...]:
    """Differs when another file takes the place, or when the file has to be opened in another way."""
    try:
        status = os.stat(str(file))  # noqa: PTH116 - at each search
    except OSError:
        return ()
    mode = _mode(str(file))
    unchanging = (status.st_mtime_ns, status.st_size) if mode == _READ_UNCHANGING else ()
    return status.st_dev, status.st_ino, mode, *unchanging


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)


def _open_sqlite(file: Path, _dialect: Any, record: Any, _arguments: Any, options: dict[str, Any]) -> Any:
    """Open a file that is there; an empty one in place of one that was moved away would look like an empty library.

    Raises:
        StorageFailed: it can only be read, and has changes in its log that can only be read by writing.
    """
    record.info[_FILE] = (file, _which_file(file))
    mode, log = _mode(str(file)), _beside(file, "-wal")
    if mode == _READ_UNCHANGING and log.exists() and log.stat().st_size:
        raise StorageFailed(
            f"SQLite file {file}: it can only be read here, and {log.name} beside it holds changes that SQLite takes in"
            " by writing: open the library once where it can be written, or copy both files to such a place"
        )
    return sqlite3.connect(f"file:{quote(os.fsencode(file))}?{mode}", uri=True, **options)


def _require_same_file(_connection: Any, record: Any, _fairy: Any) -> None:
    """A file that was replaced, by a restored backup for one, is opened anew; what the old one takes would be lost."""
    if _is_replaced(record.info):
        raise InvalidatePoolError("another file has taken the place of the catalog's")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where Python's driver thinks
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA cache_size = -32768")
    connection.execute("PRAGMA wal_autocheckpoint = 8000")  # pages, 32 MB: nearly halves the time of a batch of images


def _begin_sqlite(busy_seconds: float, connection: Connection) -> None:
    options = connection.get_execution_options()
    statement = options.get(_BEGIN, _IMMEDIATE)
    if statement == _IMMEDIATE:
        level = "FULL" if options.get(_FLUSHED, True) else "NORMAL"
        _run(connection, f"PRAGMA synchronous = {level}")
        patience = options.get(_PATIENCE) or busy_seconds
        _wait_for_write_lock(connection, patience, pause=options.get(_PAUSE, _SHORT_PAUSE))
        _run(connection, f"PRAGMA busy_timeout = {round(busy_seconds * 1000)}")
    elif statement:
        _run(connection, statement)


def _wait_for_write_lock(connection: Connection, patience: float, *, pause: float) -> None:
    """Begin a writing transaction. SQLite's own waiting sleeps up to 0.1 s between two looks, too long for a click."""
    deadline = time.monotonic() + patience
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA busy_timeout = 0")
    while time.monotonic() < deadline:
        try:
            driver.execute(_IMMEDIATE)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _SQLITE_BUSY:
                break
            time.sleep(pause)
        else:
            return
    connection.exec_driver_sql(_IMMEDIATE)  # raises what the loop met, as an error of SQLAlchemy


def begin_unflushed(connection: Connection, patience: float) -> None:
    """Begin a writing transaction of a SQLite file, on a connection without one, that does not wait for the disk.

    Raises:
        SQLAlchemyError: other writers had the file for longer than `patience`, or it cannot be written to.
    """
    _run(connection, "PRAGMA synchronous = NORMAL")
    _wait_for_write_lock(connection, patience, pause=_SHORT_PAUSE)


def _run(connection: Connection, statement: str) -> None:
    """Run a statement without a result: SQLAlchemy takes longer to make one than SQLite to run it."""
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(statement)
    except sqlite3.Error:
        connection.exec_driver_sql(statement)  # raises it as an error of SQLAlchemy


def _begin_postgresql(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get(_FLUSHED, True):
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
    if patience := options.get(_PATIENCE):
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(patience * 1000)}")
