"""A folder of backups of one library.

::

    DEST/
      lookalike-backups.json         which library these are of
      originals/ab/cd/<id>           uploaded bytes, once each, for all backups together
      0001-2026-01-02T030405Z/       one backup; it is there whole or not at all
        backup.json                  what it holds, with the checksum of each file and of itself
        originals.txt                the ids of its uploads
        catalog.sqlite
        library.toml, index-choice.json, training/..., models/<name>/...   where the library has them
      unfinished-<hex>/              one that is being made, or whose process was killed
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lookalike.blobs import FolderBlobs
from lookalike.catalog import CatalogState
from lookalike.documents import from_document
from lookalike.durable import replace_file
from lookalike.errors import CallerError, StorageFailed
from lookalike.snapshot import FileRecord

MARK = "lookalike-backups.json"
RECORD = "backup.json"
UPLOADS = "originals.txt"
CATALOG = "catalog.sqlite"
UNFINISHED = "unfinished-"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """The contents of one backup.

    Attributes:
        format_version: of these files.
        number: rising with time, whatever clocks say.
        library_id: of the library.
        sequence: of the catalog's changes.
        token: of the catalog at that number.
        created_at: ISO 8601, UTC.
        images: in the catalog.
        model: that was live, empty where none was.
        uploads: how many.
        missing: ids of uploads whose bytes were lost or damaged in the library already.
        files: by path below the backup.
    """

    format_version: int = FORMAT_VERSION
    number: int
    library_id: str
    sequence: int
    token: str
    created_at: str
    images: int
    model: str
    uploads: int
    missing: tuple[str, ...]
    files: dict[str, FileRecord]

    @property
    def state(self) -> CatalogState:
        """The state of the catalog it was made at."""
        return CatalogState(self.library_id, self.sequence, self.token)

    def encode(self) -> bytes:
        """As JSON that ends in its own checksum."""
        document = asdict(self)
        return _json({"backup": document, "sha256": hashlib.sha256(_json(document)).hexdigest()})

    @classmethod
    def read(cls, folder: Path) -> "Backup":
        """The record in a backup's folder.

        Raises:
            StorageFailed: it is missing or damaged, or a newer lookalike wrote it.
        """
        try:
            content = (folder / RECORD).read_bytes()
            document = from_document(_Signed, json.loads(content), place="").backup
            if document.get("format_version") != FORMAT_VERSION:
                raise StorageFailed(f"{folder}: a newer lookalike made this backup; restore it with that one")
            backup = from_document(cls, document, place="backup")
            whole = backup.encode() == content
        except (OSError, ValueError) as problem:
            raise StorageFailed(f"{folder}: {RECORD} cannot be read: {problem}") from problem
        if not whole:
            raise StorageFailed(f"{folder}: {RECORD} does not match its own checksum")
        return backup


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signed:
    """A backup's record and its checksum, before its format is known."""

    backup: dict[str, Any]
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryMark:
    """What a file says of the library that its folder belongs to.

    Attributes:
        library_id: of the library.
        format_version: of the backups, if it is a folder of backups.
    """

    library_id: str
    format_version: int = FORMAT_VERSION

    @classmethod
    def read(cls, path: Path) -> "LibraryMark":
        """The mark in a file.

        Raises:
            OSError: there is none, or it cannot be read.
            ValueError: it is something else.
        """
        return from_document(cls, json.loads(path.read_bytes()), place=path.name, unknown="ignore")


class BackupFolder:
    """Where backups of one library are kept.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.originals = FolderBlobs(path / "originals")

    def backups(self) -> list[Path]:
        """Finished backups, the oldest first."""
        found = [path for path in self.path.glob("[0-9]*-*") if (path / RECORD).is_file()]
        return sorted(found, key=lambda path: int(path.name.partition("-")[0]))

    def newest(self) -> Path:
        """The last finished backup.

        Raises:
            CallerError: there is none.
        """
        found = self.backups()
        if not found:
            raise CallerError(f"{self.path}: there is no backup here; `lookalike backup {self.path}` makes one")
        return found[-1]

    def claim(self, library_id: str) -> None:
        """Make the folder one for backups of this library.

        Raises:
            CallerError: it holds something else, or backups of another library; nothing was changed.
            StorageFailed: it cannot be written to.
        """
        mark = self.path / MARK
        if mark.exists():
            if self.library_id() != library_id:
                raise CallerError(f"{self.path}: contains backups of another library; choose another folder")
            return
        try:
            if self.path.exists() and (not self.path.is_dir() or any(map(_is_in_the_way, self.path.iterdir()))):
                raise CallerError(f"{self.path}: contains files that are not backups; choose a new or an empty folder")
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise StorageFailed(f"{self.path}: cannot be written to: {fault.strerror or fault}") from fault
        replace_file(mark, _json(asdict(LibraryMark(library_id=library_id))))

    def library_id(self) -> str:
        """Of the library that these are backups of.

        Raises:
            CallerError: this is no folder of backups.
        """
        try:
            return LibraryMark.read(self.path / MARK).library_id
        except (OSError, ValueError) as problem:
            raise CallerError(f"{self.path}: is not a folder of backups: {MARK} cannot be read ({problem})") from None


def uploads_of(backup: Path) -> list[str]:
    """The ids of a backup's uploads.

    Raises:
        StorageFailed: the list cannot be read.
    """
    try:
        return (backup / UPLOADS).read_text(encoding="ascii").split()
    except (OSError, ValueError) as problem:
        raise StorageFailed(f"{backup / UPLOADS}: cannot be read: {problem}") from problem


def _is_in_the_way(path: Path) -> bool:
    """Whether it makes a folder one that is used for something else; what systems put on each disk does not."""
    return not path.name.startswith(".") and path.name not in {"lost+found", "System Volume Information"}


def _json(document: object) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True).encode()
