"""One SQL database: its engine, and the kinds of transactions that the stores run."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from sqlalchemy import Connection, Insert, Select

from lookalike.catalog import engine as connecting
from lookalike.catalog.changing import Changing
from lookalike.catalog.copying import copy_sqlite
from lookalike.catalog.engine import describe_url, is_read_only, make_engine, parse_url, storage_errors
from lookalike.catalog.flushing import LogFlusher
from lookalike.catalog.glances import Glances
from lookalike.catalog.migrating import bring_up_to_date
from lookalike.catalog.small_writes import SmallWrites
from lookalike.errors import LibraryBusy, StorageFailed

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy import Engine

Record = TypeVar("Record")
Key = TypeVar("Key")

BUSY_SECONDS = 60.0
"""How long a writer waits for other processes."""

_UNFLUSHED_PATIENCE = 0.1  # seconds that writing what may be put off waits for others: searches wait for it
_GAP_SECONDS = 0.003  # between two batches of images, so that small writes that wait look at the lock while it is free


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
        connect_apart: opens a connection whose statements are no part of a transaction.
    """

    def __init__(self, engine: "Engine", *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.engine = engine
        self.describe = describe_url(engine.url)
        self.url = engine.url.render_as_string(hide_password=True)
        self._readers = connecting.reading(engine)
        self._changers = connecting.writing(engine, large=True)
        # A SQLite file's log is flushed once the file's lock is given back.
        self._log = LogFlusher(Path(str(engine.url.database)).absolute()) if self.is_file else None
        self._writers = connecting.writing(engine, flushed=self._log is None)
        self._unflushed_writers = connecting.writing(engine, flushed=False, patience=_UNFLUSHED_PATIENCE)
        self.connect_apart = connecting.statement_at_a_time(engine).connect
        self._glances = Glances(self.connect_apart)
        patience = min(busy_seconds, _UNFLUSHED_PATIENCE)
        self._small_writes = SmallWrites(self.connect_apart, patience=patience)
        self._busy_seconds = busy_seconds
        # Writers of one kind queue here, where waking takes microseconds; a SQLite file's lock has to be looked at.
        self._turn_to_change = threading.Lock()
        self._turn_to_write = threading.Lock()
        self._may_change_at = 0.0

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
        self._glances.close()
        self._small_writes.close()
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

    def read_in_blocks(
        self,
        read: Callable[[Connection, Key], Sequence[Record]],
        *,
        key: Callable[[Record], Key],
        first: Key,
        block: int,
    ) -> Iterator[Record]:
        """Records in the order of a key, each block in a transaction of its own.

        Args:
            read: reads the next records behind a key, `block` of them where there are as many.
            key: of a record.
            first: a key that stands before all records.
            block: how many records a transaction reads.
        """
        after = first
        while True:
            with self.reading() as connection:
                found = read(connection, after)
            yield from found
            if len(found) < block:
                return
            after = key(found[-1])

    @contextmanager
    def writing(self, *, flushed: bool = True) -> Iterator[Connection]:
        """A short transaction that changes no image: it waits for no lock that batches of images hold.

        In a SQLite file there is one writer at a time all the same, so it waits until a batch that is being written
        has been written, and goes before the next one. Statements must be right beside others that run at the same
        time: `INSERT ... ON CONFLICT`, not a look and then an insert.

        Args:
            flushed: a commit is on disk when this returns. Otherwise it is seen by every process at once, and lost
                in a power cut unless a flushed one came after it; and it waits for other writers for a second only.
        """
        self._require_writable()
        writers = self._writers if flushed else self._unflushed_writers
        patience = self._busy_seconds if flushed else min(self._busy_seconds, _UNFLUSHED_PATIENCE)
        # On a server threads write side by side.
        turn = self._turn(self._turn_to_write, patience) if self.is_file else nullcontext()
        with turn, storage_errors(self.describe), writers.begin() as connection:
            yield connection
        if flushed and self._log is not None:
            self._log.flush()

    def insert_unflushed(self, statement: Insert, rows: Sequence[Mapping[str, Any]]) -> None:
        """As `writing(flushed=False)` with this statement alone; cheap enough to run at each search.

        Args:
            statement: inserts one row, and is right beside others that run at the same time; the same object each time.
            rows: at least one; values by column, all of the same columns.
        """
        if self.is_file:
            with self._turn(self._turn_to_write, min(self._busy_seconds, _UNFLUSHED_PATIENCE)):
                if self._small_writes.insert(statement, rows):
                    return
        with self.writing(flushed=False) as connection:
            connection.execute(statement, rows)

    @contextmanager
    def changing(self) -> Iterator[Changing]:
        """A transaction that changes images: it holds the change counter, and moves it for each changed image.

        Keep it short: in a SQLite file nothing else is written meanwhile.
        """
        with self._turn(self._turn_to_change, self._busy_seconds):
            self._require_writable()
            if self.is_file:
                time.sleep(max(0.0, self._may_change_at - time.monotonic()))
            try:
                with storage_errors(self.describe), self._changers.begin() as connection:
                    change = Changing(connection)
                    yield change
                    change.finish()
            finally:
                self._may_change_at = time.monotonic() + _GAP_SECONDS

    @contextmanager
    def _turn(self, lock: threading.Lock, patience: float) -> Iterator[None]:
        if not lock.acquire(timeout=patience):
            raise LibraryBusy(f"{self.describe}: another thread has been writing for {patience:g} s")
        try:
            yield
        finally:
            lock.release()

    def _require_writable(self) -> None:
        if self.read_only:
            raise StorageFailed(f"{self.describe}: the library can only be read here; nothing was changed")

    def glance(self, statement: Select[*tuple[Any, ...]]) -> Sequence[Any]:
        """The one row that a statement without parameters has; cheap enough to ask at each search."""
        with storage_errors(self.describe):
            return self._glances.one(statement)

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
