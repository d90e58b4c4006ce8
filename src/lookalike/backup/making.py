"""Making a backup while a service runs."""

import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lookalike.backup.copying import copy_file, copy_upload, told_as_storage
from lookalike.backup.folder import CATALOG, RECORD, UNFINISHED, UPLOADS, Backup, BackupFolder, uploads_of
from lookalike.blobs import FolderBlobs
from lookalike.catalog import Catalog, sqlite_url
from lookalike.durable import replace_file, sync_folders
from lookalike.errors import CallerError, LibraryBusy, StorageFailed
from lookalike.progress import Progress, Silent
from lookalike.snapshot import FileRecord

_LOCK = ".lock"
_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The files to back up in addition to the catalog.

    Attributes:
        originals: the folder of uploads.
        files: further files, by their path in the backup.
    """

    originals: Path
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """The result of a backup.

    Attributes:
        folder: of this backup.
        images: in its catalog.
        uploads: with their bytes, in it.
        new_uploads: that no earlier backup had.
        bytes_copied: of these; what is shared by hard links costs nothing.
        missing: ids of uploads whose bytes the library has lost, or holds damaged.
        removed: older backups that `keep` let go.
        seconds: it took.
    """

    folder: Path
    images: int
    uploads: int
    new_uploads: int
    bytes_copied: int
    missing: tuple[str, ...]
    removed: tuple[str, ...]
    seconds: float


def back_up(
    catalog: Catalog, parts: Parts, destination: Path, *, keep: int | None = None, progress: Progress | None = None
) -> BackupReport:
    """Copy a library while it is used; the copy is of one moment.

    Uploads that an earlier backup holds are not copied again, and what was copied stays when a run is interrupted: the
    next one goes on from there. The backup itself appears by one rename.

    Args:
        catalog: the truth.
        parts: the rest.
        destination: a new or empty folder, or one with backups of this library.
        keep: remove all but so many of the newest backups afterwards, and uploads that only older ones had.
        progress: receives the progress.

    Raises:
        CallerError: the destination holds something else, or the catalog is in PostgreSQL.
        LibraryBusy: another process makes a backup there.
        StorageFailed: the disk is full or failing, or the copy is not whole; earlier backups are as they were.
    """
    if not catalog.is_file:
        raise CallerError(
            "this library's catalog is in PostgreSQL: back it up with pg_dump first, then copy the folder originals/;"
            " docs/backup.md says how"
        )
    library = parts.originals.parent.resolve()
    if destination.resolve().is_relative_to(library):
        raise CallerError(
            f"{destination}: is inside the library; choose a folder outside it, preferably on another disk"
        )
    started = time.monotonic()
    folder = BackupFolder(destination)
    folder.claim(catalog.library_id)
    with told_as_storage(f"{destination}: the backup could not be written"), _alone(folder):
        making = _Making(catalog, parts, folder, progress or Silent())
        with _workspace(folder) as work:
            finished = making.make(work)
        removed = _remove_older(folder, keep) if keep else ()
    return BackupReport(
        folder=finished,
        images=making.images,
        uploads=making.uploads - len(making.missing),
        new_uploads=making.new_uploads,
        bytes_copied=making.bytes_copied,
        missing=tuple(making.missing),
        removed=removed,
        seconds=time.monotonic() - started,
    )


class _Making:
    """One backup while it is made."""

    def __init__(self, catalog: Catalog, parts: Parts, folder: BackupFolder, progress: Progress) -> None:
        self.images = self.uploads = self.new_uploads = self.bytes_copied = 0
        self.missing: list[str] = []
        self._catalog = catalog
        self._parts = parts
        self._folder = folder
        self._progress = progress

    def make(self, work: Path) -> Path:
        """Fill a new folder, and give it its name."""
        for _ in range(_TRIES):
            record = self._copy_catalog(work)
            self._copy_uploads(uploads_of(work))
            # One that was deleted since the catalog was copied would be a record without bytes: copy the catalog again.
            if len(self._catalog.images.get_many(self.missing)) == len(self.missing):
                break
            (work / CATALOG).unlink()
        files = {name: FileRecord.of(work / name) for name in (CATALOG, UPLOADS)}
        files |= {name: copy_file(source, work / name) for name, source in self._parts.files.items()}
        record = replace(record, missing=tuple(self.missing), files=files)
        replace_file(work / RECORD, record.encode())
        sync_folders(self._folder.originals.directory)
        sync_folders(work)
        return self._give_name(work, record)

    def _copy_catalog(self, work: Path) -> Backup:
        copy = work / CATALOG
        self._progress.stage("Copying the catalog", 100)
        self._catalog.copy_to(copy, advance=self._progress.advance)
        with Catalog.open(sqlite_url(copy), originals=self._folder.originals.directory) as copied:
            damage = copied.damage_of_file()
            if damage:
                raise StorageFailed(f"the copy of the catalog is damaged: {damage[0]}; run `lookalike verify`")
            ids = copied.uploads.ids()
            state, model, self.images = copied.changes.state(), copied.models.live(), copied.counts().live
        self.uploads = len(ids)
        replace_file(work / UPLOADS, "".join(f"{image_id}\n" for image_id in ids).encode())
        return Backup(
            number=self._next_number(),
            library_id=state.library_id,
            sequence=state.sequence,
            token=state.token,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            images=self.images,
            model=model.name if model else "",
            uploads=len(ids),
            missing=(),
            files={},
        )

    def _copy_uploads(self, ids: Sequence[str]) -> None:
        self.missing = []
        source, target = FolderBlobs(self._parts.originals), self._folder.originals
        target.directory.mkdir(exist_ok=True)
        self._progress.stage("Copying uploads", len(ids))
        for image_id in ids:
            if not target.has(image_id):
                copied = copy_upload(image_id, source, target, link=True)
                if copied is None:
                    self.missing.append(image_id)
                else:
                    self.new_uploads += 1
                    self.bytes_copied += copied
            self._progress.advance(1)

    def _next_number(self) -> int:
        taken = (path.name.partition("-")[0] for path in self._folder.path.glob("[0-9]*-*"))
        return max([0, *(int(number) for number in taken if number.isdecimal())]) + 1

    def _give_name(self, work: Path, record: Backup) -> Path:
        when = datetime.fromisoformat(record.created_at).strftime("%Y-%m-%dT%H%M%SZ")
        finished = self._folder.path / f"{record.number:04d}-{when}"
        work.rename(finished)
        sync_folders(finished)
        return finished


@contextmanager
def _alone(folder: BackupFolder) -> Iterator[None]:
    lock = FileLock(folder.path / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise LibraryBusy(
            f"{folder.path}: another process is making a backup there; try again when it is done"
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _workspace(folder: BackupFolder) -> Iterator[Path]:
    """A temporary folder, deleted unless it was renamed; folders that killed processes left are deleted too."""
    for abandoned in folder.path.glob(f"{UNFINISHED}*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    work = folder.path / f"{UNFINISHED}{uuid.uuid4().hex}"
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _remove_older(folder: BackupFolder, keep: int) -> tuple[str, ...]:
    """Remove all but the newest backups, then the uploads that no remaining backup refers to."""
    finished = folder.backups()
    older, kept = finished[:-keep], finished[-keep:]
    if not older:
        return ()
    needed = {image_id for backup in kept for image_id in uploads_of(backup)}
    for backup in older:
        grave = folder.path / f"{UNFINISHED}{uuid.uuid4().hex}"
        backup.rename(grave)
        shutil.rmtree(grave, ignore_errors=True)
    for image_id in list(folder.originals.ids()):
        if image_id not in needed:
            folder.originals.remove(image_id)
    return tuple(backup.name for backup in older)
