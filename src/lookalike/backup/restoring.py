"""Restoring a backup."""

import contextlib
import json
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lookalike.backup.checking import damaged_files
from lookalike.backup.copying import copy_file, copy_upload, told_as_storage
from lookalike.backup.folder import CATALOG, MARK, UPLOADS, Backup, BackupFolder, LibraryMark, uploads_of
from lookalike.blobs import FolderBlobs
from lookalike.catalog import library_id_of
from lookalike.durable import replace_file, sync_folders
from lookalike.errors import CallerError, LibraryBusy, SnapshotDamaged, StorageFailed
from lookalike.progress import Progress, Silent
from lookalike.snapshot import Manifest, published

_UNFINISHED = "restoring.json"
_REPLACED = "replaced"
_NAMED = 3
_IN_LIBRARY = ("library.toml", "index-choice.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """The result of a restore.

    Attributes:
        backup: folder of the backup.
        created_at: when that backup was made, ISO 8601, UTC.
        library: folder of the restored library.
        images: number of images in the catalog.
        uploads: number of uploads whose bytes exist.
        missing: ids of uploads whose bytes are missing or damaged in the backup.
        replaced: folder that the previous catalog and settings were moved to; None if there were none.
        models: folders of the models in the backup, by name.
        model: name of the live model; empty if there is none.
        seconds: duration.
    """

    backup: Path
    created_at: str
    library: Path
    images: int
    uploads: int
    missing: tuple[str, ...]
    replaced: Path | None
    models: dict[str, Path]
    model: str
    seconds: float


def restore(
    source: Path,
    library: Path,
    *,
    replace: bool = False,
    allow_missing: bool = False,
    progress: Progress | None = None,
) -> RestoreReport:
    """Restore a library from a backup.

    The catalog is renamed into place last: before that the folder is not a library, or still the old one. An
    interrupted run continues when it is started again.

    Args:
        source: a folder of backups (the newest is restored), or one backup.
        library: a new or empty folder.
        replace: replace the existing library, if it is the same one. Its catalog and settings are kept in `replaced/`;
            uploads that are not in the backup are kept for `keep_removed_days`.
        allow_missing: continue if uploads in the backup are missing or damaged.
        progress: receives the progress.

    Raises:
        CallerError: there is no backup, or the folder holds something that must not be replaced; nothing was changed.
        LibraryBusy: another process indexes into the library.
        StorageFailed: the backup is damaged, or the disk is full or failing; the library is as it was.
    """
    started = time.monotonic()
    is_one = (source.parent / MARK).exists() and not (source / MARK).exists()
    backup = source if is_one else BackupFolder(source).newest()
    record = Backup.read(backup)
    _require_whole(backup, record)
    _require_place(library, record, replace=replace)
    restoring = _Restoring(backup, record, library, progress or Silent())
    with told_as_storage(f"{library}: the backup could not be put back"), _alone(library):
        replace_file(library / _UNFINISHED, json.dumps({"library_id": record.library_id}).encode())
        restoring.copy_uploads(allow_missing=allow_missing)
        replaced = restoring.put_in_place()
        (library / _UNFINISHED).unlink()
    return RestoreReport(
        backup=backup,
        created_at=record.created_at,
        library=library,
        images=record.images,
        uploads=record.uploads - len(restoring.missing),
        missing=tuple(restoring.missing),
        replaced=replaced,
        models={path.name: path for path in sorted((backup / "models").glob("*"))},
        model=record.model,
        seconds=time.monotonic() - started,
    )


class _Restoring:
    """One backup on its way into a library."""

    def __init__(self, backup: Path, record: Backup, library: Path, progress: Progress) -> None:
        self.missing: list[str] = []
        self._backup = backup
        self._record = record
        self._library = library
        self._progress = progress

    def copy_uploads(self, *, allow_missing: bool) -> None:
        """Copy the bytes that the library does not have."""
        ids = uploads_of(self._backup)
        source, target = BackupFolder(self._backup.parent).originals, FolderBlobs(self._library / "originals")
        self._progress.stage("Copying uploads", len(ids))
        for image_id in ids:
            if not target.has(image_id) and copy_upload(image_id, source, target, link=False) is None:
                self.missing.append(image_id)
            self._progress.advance(1)
        lost_since = sorted(set(self.missing) - set(self._record.missing))
        if lost_since and not allow_missing:
            raise StorageFailed(
                f"{self._backup}: {len(lost_since):,} uploads are missing or damaged in the backup"
                f" ({', '.join(lost_since[:_NAMED])}); choose another backup, or restore without them:"
                " --allow-missing"
            )

    def put_in_place(self) -> Path | None:
        """Copy the other files into a temporary folder and rename them; returns where the old files were moved."""
        self._progress.stage("Copying the catalog", None)
        beside = self._library / f".restoring-{uuid.uuid4().hex}"
        beside.mkdir()
        try:
            names = [name for name in self._record.files if name != UPLOADS and not name.startswith("models/")]
            for name in names:
                if copy_file(self._backup / name, beside / name) != self._record.files[name]:
                    raise StorageFailed(f"{self._backup / name}: changed while it was read")
            sync_folders(beside)
            replaced = self._move_old_away()
            for name in sorted(names, key=lambda name: name == CATALOG):  # the catalog last: it makes this a library
                (self._library / name).parent.mkdir(parents=True, exist_ok=True)
                (beside / name).replace(self._library / name)
            sync_folders(self._library)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return replaced

    def _move_old_away(self) -> Path | None:
        """The catalog goes with its log, so that it stays whole and nobody reads that log into the new one."""
        names = [CATALOG, f"{CATALOG}-wal", f"{CATALOG}-shm", *_IN_LIBRARY]
        there = [name for name in names if (self._library / name).exists()]
        if not there:
            return None
        aside = self._library / _REPLACED / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
        aside.mkdir(parents=True)
        for name in there:
            (self._library / name).replace(aside / name)
        sync_folders(aside)
        return aside


def _require_whole(backup: Path, record: Backup) -> None:
    damage = damaged_files(backup, record)
    if damage:
        raise StorageFailed(f"{backup}: the backup is damaged: {'; '.join(damage[:_NAMED])}; nothing was changed")


def _require_place(library: Path, record: Backup, *, replace: bool) -> None:
    """Raises CallerError where the folder holds something that must stay."""
    if library.exists() and not library.is_dir():
        raise CallerError(f"{library}: is not a folder")
    if not library.exists() or not any(library.iterdir()):
        return
    there = library_id_of(library / CATALOG) or _in_restoring(library) or _in_snapshots(library)
    if there not in {None, record.library_id}:
        raise CallerError(
            f"{library}: this is a different library from the one in the backup; nothing was changed."
            " Restore into a new folder: --library DIR"
        )
    goes_on = _in_restoring(library) is not None and not (library / CATALOG).exists()
    if not replace and not goes_on:
        raise CallerError(
            f"{library}: is not empty; nothing was changed. --replace replaces this library by the backup"
            " and keeps its catalog in replaced/; or restore into a new folder: --library DIR"
        )


def _in_restoring(library: Path) -> str | None:
    """The id of the library that was being restored into a folder, if one was."""
    try:
        return LibraryMark.read(library / _UNFINISHED).library_id
    except (OSError, ValueError):
        return None


def _in_snapshots(library: Path) -> str | None:
    """The id of the library that indexes in a folder are of: its catalog may be what was lost."""
    for snapshot in published(library / "snapshots"):
        with contextlib.suppress(SnapshotDamaged):
            return Manifest.read(snapshot).library_id
    return None


def install_models(models: Mapping[str, Path], folder: Path) -> tuple[str, ...]:
    """Install the models of a backup, unless a model of the same name exists; returns the installed names.

    Raises:
        StorageFailed: they cannot be written there.
    """
    installed = []
    with told_as_storage(f"{folder}: the models could not be put back"):
        for name, model in models.items():
            if (folder / name).exists():
                continue
            folder.mkdir(parents=True, exist_ok=True)
            beside = folder / f".restoring-{uuid.uuid4().hex}"
            shutil.copytree(model, beside)
            beside.rename(folder / name)
            installed.append(name)
    return tuple(installed)


@contextmanager
def _alone(library: Path) -> Iterator[None]:
    library.mkdir(parents=True, exist_ok=True)
    lock = FileLock(library / "index.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise LibraryBusy(f"{library}: another process is indexing into it; nothing was changed") from None
    try:
        yield
    finally:
        lock.release()
