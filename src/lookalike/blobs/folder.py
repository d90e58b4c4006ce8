"""Bytes as files of a folder, named by their content id: `ab/cd/<id>`."""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from lookalike.durable import PART, replacing, sync, whole_file
from lookalike.errors import StorageFailed

_ABANDONED_SECONDS = 3600
_REMOVED = "removed"
_INCOMING = "incoming"


class FolderBlobs:
    """A folder of bytes by content id; see `Blobs`.

    Marks of puts under way are in `incoming/`, notes of orphans in `removed/`, whose times are those of their files.

    Args:
        directory: made when the first bytes come.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._durable_folders: set[Path] = set()

    def path(self, blob_id: str) -> Path:
        """The file of the bytes, which may not be there."""
        return self.directory / blob_id[:2] / blob_id[2:4] / blob_id

    def place(self, blob_id: str) -> str:
        """The path of the file."""
        return str(self.path(blob_id))

    def put(self, blob_id: str, content: bytes) -> None:
        """Keep the bytes; on disk, with their name, when it returns. They are marked as incoming until `settle`.

        Raises:
            StorageFailed: disk full, read-only or failing; no part of the bytes is left.
        """
        final = self.path(blob_id)
        try:
            self._make_folder(final.parent)
            self._incoming(blob_id).parent.mkdir(exist_ok=True)
            self._incoming(blob_id).touch()
            try:
                with whole_file(final) as file:
                    file.write(content)
            except BaseException:
                if not self.has(blob_id):
                    self.settle([blob_id])
                raise
        except OSError as error:
            raise StorageFailed(f"{final.parent}: {error.strerror or error}; the upload was not stored") from error

    def share(self, blob_id: str, other: "FolderBlobs") -> bool:
        """Give another folder the same bytes by a hard link, which is not yet durable; False where that cannot be."""
        if not self.has(blob_id):
            return False
        target = other.path(blob_id)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target, durable=False) as part:
                part.hardlink_to(self.path(blob_id))
        except OSError:
            return False  # another file system, or one without links
        return True

    def settle(self, blob_ids: Iterable[str]) -> None:
        """There is a record of these, or their bytes are gone: they are not incoming any more."""
        for blob_id in blob_ids:
            with contextlib.suppress(OSError):  # a mark that stays only makes `verify` more lenient
                self._incoming(blob_id).unlink()

    def get(self, blob_id: str) -> bytes:
        """The bytes.

        Raises:
            OSError: they are not there or cannot be read.
        """
        return self.path(blob_id).read_bytes()

    def open(self, blob_id: str) -> BinaryIO:
        """The file of the bytes, unbuffered.

        Raises:
            OSError: they are not there or cannot be read.
        """
        return self.path(blob_id).open("rb", buffering=0)

    def has(self, blob_id: str) -> bool:
        """Whether the bytes are there."""
        return self.path(blob_id).is_file()

    def remove(self, blob_id: str) -> None:
        """Remove the bytes for good, if they are there, and what was noted of them.

        Raises:
            StorageFailed: read-only or failing.
        """
        final = self.path(blob_id)
        try:
            final.unlink()
            sync(final.parent)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StorageFailed(f"{final}: {error.strerror or error}; the deleted image's bytes remain") from error
        self.settle([blob_id])
        self.not_orphan(blob_id)

    def orphan(self, blob_id: str) -> None:
        """Note that the bytes have no record from now on.

        Raises:
            StorageFailed: read-only or failing.
        """
        note = self._orphan(blob_id)
        try:
            note.parent.mkdir(exist_ok=True)
            note.touch()
            # A clock that was set back must not make it look as if they had been orphans for years.
            since = max(time.time(), self.path(blob_id).stat().st_mtime)
            os.utime(note, (since, since))
        except OSError as error:
            raise StorageFailed(f"{note}: {error.strerror or error}; nothing was removed") from error
        self.settle([blob_id])

    def not_orphan(self, blob_id: str) -> None:
        """The bytes have a record, or are gone."""
        with contextlib.suppress(OSError):
            self._orphan(blob_id).unlink()

    def orphans(self) -> dict[str, float]:
        """For how many seconds bytes have been without a record, by id."""
        found = {}
        for note in (self.directory / _REMOVED).glob("*"):
            with contextlib.suppress(FileNotFoundError):
                found[note.name] = time.time() - note.stat().st_mtime
        return found

    def incoming_for(self, blob_id: str) -> float | None:
        """Seconds since a put of it began that was not settled: it runs now, or was killed. None for no such."""
        try:
            return time.time() - self._incoming(blob_id).stat().st_mtime
        except OSError:
            return None

    def incoming(self) -> set[str]:
        """The ids of all puts that began and were not settled."""
        return {mark.name for mark in (self.directory / _INCOMING).glob("*")}

    def ids(self) -> Iterator[str]:
        """The id of every kept file, in no order."""
        for final in self.directory.glob("??/??/*"):
            if not final.name.endswith(PART):
                yield final.name

    def remove_abandoned_parts(self) -> int:
        """Remove what writers that were killed left half-written more than an hour ago; how many files that were."""
        removed = 0
        for mark in (self.directory / _INCOMING).glob("*"):
            if not self.has(mark.name) and (self.incoming_for(mark.name) or 0) > _ABANDONED_SECONDS:
                self.settle([mark.name])
        for part in self.directory.glob(f"??/??/*{PART}"):
            try:
                if time.time() - part.stat().st_mtime > _ABANDONED_SECONDS:
                    part.unlink()
                    removed += 1
            except FileNotFoundError:
                continue
        return removed

    def _incoming(self, blob_id: str) -> Path:
        return self.directory / _INCOMING / blob_id

    def _orphan(self, blob_id: str) -> Path:
        return self.directory / _REMOVED / blob_id

    def _make_folder(self, folder: Path) -> None:
        """Make the folder; its name and those above it are on disk, even where another process had just made them."""
        if folder in self._durable_folders:
            return
        folder.mkdir(parents=True, exist_ok=True)
        for level in (folder.parent, self.directory, self.directory.parent):
            sync(level)
        self._durable_folders.add(folder)
