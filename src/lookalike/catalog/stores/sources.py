"""Files that images were seen in."""

from collections.abc import Iterable, Sequence

from lookalike.catalog import folders, recycle_bin, sources
from lookalike.catalog.changing import chunks
from lookalike.catalog.database import Database
from lookalike.catalog.records import SourceFailure, SourceFile, SourceState

_FORGOTTEN_AT_ONCE = 100  # paths a transaction, some 50 ms: nothing else is written into a SQLite file meanwhile


class Sources:
    """One record for each path at which something was seen."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def below(self, path: str) -> dict[str, SourceState]:
        """What was last seen at that path itself and at every path below it, by path, in order."""
        with self._database.reading() as connection:
            return sources.read_sources(connection, path)

    def image_ids_at(self, paths: Iterable[str]) -> dict[str, str]:
        """The id of the image last seen at each of those paths, where one was; it may have been deleted since."""
        with self._database.reading() as connection:
            return sources.read_image_ids(connection, paths)

    def files_of(self, image_ids: Sequence[str]) -> dict[str, list[SourceFile]]:
        """The files each image was seen in, by id: those that are not missing first, the first seen first."""
        with self._database.reading() as connection:
            return sources.paths_of(connection, image_ids)

    def copies_elsewhere(self, under: str) -> list[tuple[SourceFile, str]]:
        """(file, image id) of files that are not below `under`, of images that were also seen at it or below it."""
        with self._database.reading() as connection:
            return sources.read_copies_elsewhere(connection, under)

    def sample(self, count: int, *, seed: int = 0) -> list[tuple[SourceFile, str]]:
        """(file, image id) of at most so many files whose bytes were read, drawn at random."""
        with self._database.reading() as connection:
            return sources.sample(connection, count, seed=seed)

    def note_unchanged(self, files: Sequence[SourceFile]) -> None:
        """Record how known files look now whose bytes are the same, and that they are not missing any more."""
        with self._database.changing() as change:
            sources.note_unchanged(change, files)

    def note_missing(self, paths: Sequence[str]) -> None:
        """Record that files were not found though nobody said to forget them; what is known of them stays."""
        with self._database.changing() as change:
            sources.note_missing(change, paths)

    def record_failures(self, failures: Sequence[SourceFailure]) -> None:
        """Record paths that could not be read; an image seen at one stays until the file is known to be gone."""
        with self._database.changing() as change:
            sources.write_failures(change, failures)

    def forget(self, paths: Sequence[str]) -> int:
        """Drop files that are gone. Images left with no file and no upload go to the bin, and come back with a file.

        Returns:
            How many images went to the bin.
        """
        with self._database.changing() as change:
            return sources.forget(change, paths)

    def forget_below(self, path: str, *, leave_out: bool = True, for_good: bool = False) -> tuple[int, int]:
        """Drop what was seen at a path and below it.

        In several transactions, so that others write meanwhile. Should one fail, say it again: the rest is dropped.

        Args:
            path: absolute.
            leave_out: runs over folders above it do not look there from now on.
            for_good: keep nothing of the images in the bin.

        Returns:
            How many files were dropped, and how many images went with them: those seen nowhere else and not uploaded.
        """
        removed = 0
        found = self.below(path)
        for paths in chunks(found, _FORGOTTEN_AT_ONCE):
            with self._database.changing() as change:
                removed += sources.forget(change, paths)
                if for_good:
                    image_ids = {found[one].image_id for one in paths}
                    recycle_bin.remove(change, {image_id for image_id in image_ids if image_id is not None})
        with self._database.writing() as connection:
            folders.write_forgotten(connection, path, leave_out=leave_out)
        return len(found), removed

    def count_forgotten_below(self, path: str) -> tuple[int, int]:
        """What `forget_below` would say, with nothing changed."""
        with self._database.reading() as connection:
            return sources.count_abandoned(connection, path)
