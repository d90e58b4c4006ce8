"""Uploaded bytes as files named by their content id: `ab/cd/<id>`."""

import contextlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from lookalike.errors import StorageFailed

_PART = ".part"
_ABANDONED_SECONDS = 3600
_REMOVED = "removed"
_INCOMING = "incoming"


class Originals:
    """A folder of uploaded bytes.

    A file appears whole or not at all. Whether it *should* be there is the catalog's to say; bytes it has no record of
    are orphans. There are two kinds. An upload that was interrupted left a mark in `incoming/`, and nobody was told
    that it is stored. Any other is an upload that this catalog does not know: an older one may have been put in place.
    Neither is deleted at once: `Uploads.collect_orphans` notes in `removed/` since when bytes have been orphans, and
    deletes them after a time. An orphan whose record comes back is one no more.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._durable_folders: set[Path] = set()

    def path(self, image_id: str) -> Path:
        """Where the bytes of that image are, or would be."""
        return self.directory / image_id[:2] / image_id[2:4] / image_id

    def put(self, image_id: str, content: bytes) -> None:
        """Keep the bytes; on disk, with their name, when it returns. They are marked as incoming until `settle`.

        Raises:
            StorageFailed: disk full, read-only or failing; no part of the bytes is left.
        """
        final = self.path(image_id)
        part = final.with_name(f"{image_id}.{secrets.token_hex(8)}{_PART}")
        try:
            self._make_folder(final.parent)
            self._incoming(image_id).parent.mkdir(exist_ok=True)
            self._incoming(image_id).touch()
            try:
                _write_durably(part, content)
                part.replace(final)
            except BaseException:
                part.unlink(missing_ok=True)
                self.settle([image_id])
                raise
            _sync_folder(final.parent)
        except OSError as error:
            raise StorageFailed(f"{final.parent}: {error.strerror or error}; the upload was not stored") from error

    def settle(self, image_ids: Iterable[str]) -> None:
        """The catalog has a record of these uploads, or their bytes are gone: they are not incoming any more."""
        for image_id in image_ids:
            with contextlib.suppress(OSError):  # a mark that stays only makes `verify` more lenient
                self._incoming(image_id).unlink()

    def get(self, image_id: str) -> bytes:
        """The bytes.

        Raises:
            OSError: they are not there or cannot be read.
        """
        return self.path(image_id).read_bytes()

    def has(self, image_id: str) -> bool:
        """Whether the bytes are there."""
        return self.path(image_id).is_file()

    def remove(self, image_id: str) -> None:
        """Remove the bytes for good, if they are there.

        Raises:
            StorageFailed: read-only or failing.
        """
        final = self.path(image_id)
        try:
            final.unlink()
            _sync_folder(final.parent)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StorageFailed(f"{final}: {error.strerror or error}; the deleted image's bytes remain") from error
        self.settle([image_id])
        self.not_orphan(image_id)

    def orphan(self, image_id: str) -> None:
        """Note that the bytes have no record from now on.

        Raises:
            StorageFailed: read-only or failing.
        """
        note = self._orphan(image_id)
        try:
            note.parent.mkdir(exist_ok=True)
            note.touch()
            # A clock that was set back must not make it look as if they had been orphans for years.
            since = max(time.time(), self.path(image_id).stat().st_mtime)
            os.utime(note, (since, since))
        except OSError as error:
            raise StorageFailed(f"{note}: {error.strerror or error}; nothing was removed") from error
        self.settle([image_id])

    def not_orphan(self, image_id: str) -> None:
        """The bytes have a record, or are gone."""
        with contextlib.suppress(OSError):
            self._orphan(image_id).unlink()

    def orphans(self) -> dict[str, float]:
        """For how many seconds bytes have been without a record, by id."""
        found = {}
        for note in (self.directory / _REMOVED).glob("*"):
            with contextlib.suppress(FileNotFoundError):
                found[note.name] = time.time() - note.stat().st_mtime
        return found

    def incoming_for(self, image_id: str) -> float | None:
        """Seconds since an upload of it began that was not finished: it runs now, or was killed. None for no such."""
        try:
            return time.time() - self._incoming(image_id).stat().st_mtime
        except OSError:
            return None

    def incoming(self) -> set[str]:
        """The ids of all uploads that began and were not finished."""
        return {mark.name for mark in (self.directory / _INCOMING).glob("*")}

    def _incoming(self, image_id: str) -> Path:
        return self.directory / _INCOMING / image_id

    def _orphan(self, image_id: str) -> Path:
        return self.directory / _REMOVED / image_id

    def _make_folder(self, folder: Path) -> None:
        """Make the folder; its name and those above it are on disk, even where another process had just made them."""
        if folder in self._durable_folders:
            return
        folder.mkdir(parents=True, exist_ok=True)
        for level in (folder.parent, self.directory, self.directory.parent):
            _sync_folder(level)
        self._durable_folders.add(folder)

    def ids(self) -> Iterator[str]:
        """The id of every kept file, in no order."""
        for final in self.directory.glob("??/??/*"):
            if not final.name.endswith(_PART):
                yield final.name

    def remove_abandoned_parts(self) -> int:
        """Remove what writers that were killed left half-written more than an hour ago; how many files that were."""
        removed = 0
        for mark in (self.directory / _INCOMING).glob("*"):
            if not self.has(mark.name) and (self.incoming_for(mark.name) or 0) > _ABANDONED_SECONDS:
                self.settle([mark.name])
        for part in self.directory.glob(f"??/??/*{_PART}"):
            try:
                if time.time() - part.stat().st_mtime > _ABANDONED_SECONDS:
                    part.unlink()
                    removed += 1
            except FileNotFoundError:
                continue
        return removed


def _write_durably(file: Path, content: bytes) -> None:
    with file.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere folders cannot be opened, and names are durable with their files
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
