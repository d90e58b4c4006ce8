"""Uploaded bytes as files named by their content id: `ab/cd/<id>`."""

import contextlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
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
    `Catalog.collect_orphans` moves orphans to `removed/`, where they stay for a time and come back from.
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
            self._mark(image_id).parent.mkdir(exist_ok=True)
            self._mark(image_id).touch()
            try:
                _write_durably(part, content)
                part.replace(final)
            except BaseException:
                part.unlink(missing_ok=True)
                self.settle([image_id])
                raise
            _sync_folder(final.parent)
            self._in_bin(image_id).unlink(missing_ok=True)
        except OSError as error:
            raise StorageFailed(f"{final.parent}: {error.strerror or error}; the upload was not stored") from error

    def settle(self, image_ids: Iterable[str]) -> None:
        """The catalog has a record of these uploads, or their bytes are gone: they are not incoming any more."""
        for image_id in image_ids:
            with contextlib.suppress(OSError):  # a mark that stays only makes `verify` more lenient
                self._mark(image_id).unlink()

    def get(self, image_id: str) -> bytes:
        """The bytes, from the bin if they are there.

        Raises:
            OSError: they are not there or cannot be read.
        """
        try:
            return self.path(image_id).read_bytes()
        except FileNotFoundError:
            with contextlib.suppress(FileNotFoundError):
                return self._in_bin(image_id).read_bytes()
            raise

    def has(self, image_id: str) -> bool:
        """Whether the bytes are there, not counting the bin."""
        return self.path(image_id).is_file()

    def is_kept(self, image_id: str) -> bool:
        """Whether the bytes are there or in the bin."""
        return self.has(image_id) or self._in_bin(image_id).is_file()

    def remove(self, image_id: str) -> None:
        """Remove the bytes for good, in the bin as well.

        Raises:
            StorageFailed: read-only or failing.
        """
        for final in (self.path(image_id), self._in_bin(image_id)):
            try:
                final.unlink()
                _sync_folder(final.parent)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StorageFailed(f"{final}: {error.strerror or error}; the deleted image's bytes remain") from error
        self.settle([image_id])

    def move_to_bin(self, image_id: str) -> None:
        """Move the bytes out of the way; `keep` of `empty_bin` counts from now.

        Raises:
            StorageFailed: read-only or failing.
        """
        final, binned = self.path(image_id), self._in_bin(image_id)
        try:
            binned.parent.mkdir(parents=True, exist_ok=True)
            # A clock that was set back must not make it look as if the bytes had been in the bin for years.
            moved = max(time.time(), final.stat().st_mtime)
            os.utime(final, (moved, moved))
            final.replace(binned)
            _sync_folder(binned.parent)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageFailed(f"{final}: {error.strerror or error}; it was not moved to {binned.parent}") from error
        self.settle([image_id])

    def take_from_bin(self, image_id: str) -> None:
        """Move the bytes back to their place, if they are in the bin.

        Raises:
            StorageFailed: read-only or failing.
        """
        final = self.path(image_id)
        try:
            self._make_folder(final.parent)
            self._in_bin(image_id).replace(final)
            _sync_folder(final.parent)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageFailed(f"{final}: {error.strerror or error}; it is still in the bin") from error

    def in_bin(self) -> Iterator[str]:
        """The id of every file in the bin, in no order."""
        for path in (self.directory / _REMOVED).glob("??/*"):
            yield path.name

    def empty_bin(self, *, keep: timedelta) -> int:
        """Delete what has been in the bin for longer; how many files that were."""
        deleted = 0
        for path in (self.directory / _REMOVED).glob("??/*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > keep.total_seconds():
                    path.unlink()
                    deleted += 1
        return deleted

    def incoming_for(self, image_id: str) -> float | None:
        """Seconds since an upload of it began that was not finished: it runs now, or was killed. None for no such."""
        try:
            return time.time() - self._mark(image_id).stat().st_mtime
        except OSError:
            return None

    def incoming(self) -> set[str]:
        """The ids of all uploads that began and were not finished."""
        return {mark.name for mark in (self.directory / _INCOMING).glob("*")}

    def _mark(self, image_id: str) -> Path:
        return self.directory / _INCOMING / image_id

    def _in_bin(self, image_id: str) -> Path:
        return self.directory / _REMOVED / image_id[:2] / image_id

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
