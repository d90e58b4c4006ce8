"""Copying a SQLite catalog while it is used, by SQLite's online backup."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from lookalike.errors import StorageFailed

_PAGES = 4096  # a step, 16 MB: often enough for a progress bar and for Ctrl-C


def copy_sqlite(source: sqlite3.Connection, target: Path, advance: Callable[[int], None]) -> None:
    """Copy all that is committed now; writers go on meanwhile.

    Args:
        source: a connection that no transaction is open on.
        target: a new file.
        advance: is told how many hundredths more are done.

    Raises:
        StorageFailed: the copy cannot be written.
    """
    done = 0

    def tell(_status: int, remaining: int, total: int) -> None:
        nonlocal done
        now = 100 * (total - remaining) // max(total, 1)
        advance(now - done)
        done = now

    try:
        with closing(sqlite3.connect(target)) as copy:
            # A transaction that has read holds its moment: without one, each write by others would begin the copy anew.
            source.execute("BEGIN")
            try:
                source.execute("SELECT value FROM change_counter").fetchone()
                source.backup(copy, pages=_PAGES, progress=tell)
            finally:
                source.execute("ROLLBACK")
    except sqlite3.Error as fault:
        raise StorageFailed(f"{target}: the catalog could not be copied: {fault}") from fault


def library_id_of(file: Path) -> str | None:
    """The id of the library whose catalog a SQLite file is, of whatever schema; None where it cannot be read."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT library_id FROM library").fetchone()
    except sqlite3.Error:
        return None
    return str(row[0]) if row else None
