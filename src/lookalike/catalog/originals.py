"""Uploaded bytes as files named by their content id: `ab/cd/<id>`."""

import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from lookalike.errors import StorageFailed

_PART = ".part"
_ABANDONED_SECONDS = 3600


class Originals:
    """A folder of uploaded bytes.

    A file appears whole or not at all. Whether it *should* be there is the catalog's to say: an upload whose
    transaction never came is an orphan, harmless, and removed by `Catalog.collect_orphans`.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._durable_folders: set[Path] = set()

    def path(self, image_id: str) -> Path:
        """Where the bytes of that image are, or would be."""
        return self.directory / image_id[:2] / image_id[2:4] / image_id

    def put(self, image_id: str, content: bytes) -> None:
        """Keep the bytes; on disk, with their name, when it returns.

        Raises:
            StorageFailed: disk full, read-only or failing; no part of the bytes is left.
        """
        final = self.path(image_id)
        part = final.with_name(f"{image_id}.{secrets.token_hex(8)}{_PART}")
        try:
            self._make_folder(final.parent)
            try:
                _write_durably(part, content)
                part.replace(final)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            _sync_folder(final.parent)
        except OSError as error:
            raise StorageFailed(f"{final.parent}: {error.strerror or error}; the upload was not stored") from error

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
        """Remove the bytes, if they are there.

        Raises:
            StorageFailed: read-only or failing.
        """
        final = self.path(image_id)
        try:
            final.unlink()
            _sync_folder(final.parent)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageFailed(f"{final}: {error.strerror or error}; the deleted image's bytes remain") from error

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
