"""One SQL database: its engine, and the kinds of transactions that the stores run."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from sqlalchemy import Connection

from lookalike.catalog import engine as connecting
from lookalike.catalog.changing import Changing
from lookalike.catalog.copying import copy_sqlite
from lookalike.catalog.engine import describe_url, is_read_only, make_engine, parse_url, storage_errors
from lookalike.catalog.migrating import bring_up_to_date
from lookalike.errors import LibraryBusy, StorageFailed

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy import Engine

BUSY_SECONDS = 60.0
"""How long a writer waits for other processes."""


class Database:
    """An open database with tables of this program's schema; safe to use from many threads and processes.

    Every transaction may raise `StorageFailed` (the disk is full, read-only or failing; the server is out of reach),
    and one that writes also `LibraryBusy` (another process held the lock for too long); then nothing of it was stored.

    Args:
        engine: of the database.
        busy_seconds: how long a writer waits for others.

    Attributes:
        engine: for what runs outside transactions.
        describe: the database in words.
        url: its URL, without the password.
    """

    def __init__(self, engine: "Engine", *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.engine = engine
        self.describe = describe_url(engine.url)
        self.url = engine.url.render_as_string(hide_password=True)
        self._readers = connecting.reading(engine)
        self._writers = connecting.writing(engine)
        self._singles = connecting.statement_at_a_time(engine)
        self._busy_seconds = busy_seconds
        # Writers of this process queue here, where waking takes microseconds; SQLite's own waiting sleeps up to 0.1 s.
        self._turn = threading.Lock()

    @classmethod
    def open(cls, url: str, *, busy_seconds: float = BUSY_SECONDS) -> Self:
        """Open the database at that URL, creating or migrating its tables.

        Raises:
            LibraryTooNew: a newer program wrote it; nothing was changed.
            StorageFailed: the place cannot be written to or is no database.
            DependencyMissing: PostgreSQL without psycopg.
            ValueError: another kind of URL.
        """
        parsed = parse_url(url)
        where = describe_url(parsed)
        if parsed.get_backend_name() == "sqlite":
            _make_file(Path(str(parsed.database)), where)
        engine = make_engine(parsed, busy_seconds=busy_seconds)
        try:
            with storage_errors(where):
                bring_up_to_date(engine, busy_seconds=busy_seconds)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, busy_seconds=busy_seconds)

    def close(self) -> None:
        """Close every connection that is not in use."""
        self.engine.dispose()

    @property
    def is_file(self) -> bool:
        """Whether it is a SQLite file, which `copy_to` copies, and not a database of a server."""
        return self.engine.dialect.name == "sqlite"

    @property
    def read_only(self) -> bool:
        """Whether the database can only be read now: every writing transaction raises `StorageFailed`."""
        return is_read_only(self.engine.url)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database from its first statement to its last."""
        with storage_errors(self.describe), self._readers.connect() as connection:
            yield connection

    @contextmanager
    def changing(self) -> Iterator[Changing]:
        """A transaction that changes images: it holds the change counter, and moves it for each changed image."""
        if not self._turn.acquire(timeout=self._busy_seconds):
            raise LibraryBusy(f"{self.describe}: another thread has been writing for {self._busy_seconds:g} s")
        try:
            if self.read_only:
                raise StorageFailed(f"{self.describe}: the library can only be read here; nothing was changed")
            with storage_errors(self.describe), self._writers.begin() as connection:
                change = Changing(connection)
                yield change
                change.finish()
        finally:
            self._turn.release()

    def connect_singly(self) -> Connection:
        """A connection whose statements are no part of a transaction; whoever asks closes it."""
        return self._singles.connect()

    def copy_to(self, file: Path, *, advance: Callable[[int], None] = lambda _: None) -> None:
        """Copy a SQLite database while it is used, as of one moment.

        Args:
            file: a new file.
            advance: is told how many hundredths more are done.

        Raises:
            StorageFailed: the copy cannot be written.
        """
        with storage_errors(self.describe):
            connection = self.engine.raw_connection()
        try:
            copy_sqlite(cast("sqlite3.Connection", connection.driver_connection), file, advance)
        finally:
            connection.close()


def _make_file(file: Path, where: str) -> None:
    """Make an empty file where there is none: connections only open files that are there."""
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    except OSError as error:
        raise StorageFailed(f"{where}: {error.strerror or error}") from error
