"""Folders and files that were indexed by name, and those that are not to be looked at again."""

from collections.abc import Sequence

from lookalike.catalog import folders
from lookalike.catalog.database import Database
from lookalike.catalog.records import IndexedFolder


class Folders:
    """What was named to be indexed, or to be forgotten."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record_runs(self, paths: Sequence[str]) -> None:
        """Record that those folders and files were just indexed by name."""
        with self._database.writing() as connection:
            folders.write_runs(connection, paths)

    def remove(self, paths: Sequence[str]) -> None:
        """Drop the record that those folders were indexed by name, or are to be left out; images stay."""
        with self._database.writing() as connection:
            folders.remove(connection, paths)

    def indexed(self) -> list[IndexedFolder]:
        """Every folder and file that was indexed by name, by path, with how much of the library is below it."""
        with self._database.reading() as connection:
            return folders.read_indexed(connection)

    def names(self) -> list[str]:
        """The paths of `indexed` that are recorded, without counting."""
        with self._database.reading() as connection:
            return folders.read_names(connection)

    def forgotten(self) -> list[str]:
        """Paths that runs over folders above them leave out, because somebody had them forgotten."""
        with self._database.reading() as connection:
            return folders.read_forgotten(connection)
