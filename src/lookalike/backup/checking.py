"""Checking that a backup is complete."""

from pathlib import Path

from lookalike.backup.folder import Backup, BackupFolder, uploads_of
from lookalike.catalog import content_id
from lookalike.errors import StorageFailed
from lookalike.progress import Progress, Silent
from lookalike.snapshot import FileRecord


def check_backup(backup: Path, *, progress: Progress | None = None) -> list[str]:
    """Read every byte of one backup.

    Args:
        backup: its folder.
        progress: receives the progress.

    Returns:
        One sentence for each thing that is wrong; empty when it can be restored as a whole.
    """
    try:
        record = Backup.read(backup)
        problems = damaged_files(backup, record)
        uploads = uploads_of(backup)
    except StorageFailed as damage:
        return [str(damage)]
    originals = BackupFolder(backup.parent).originals
    progress = progress or Silent()
    progress.stage("Checking uploads", len(uploads))
    for image_id in uploads:
        progress.advance(1)
        try:
            if content_id(originals.get(image_id)) != image_id:
                problems.append(f"upload {image_id} is damaged")
        except OSError as fault:
            problems.append(f"upload {image_id} is missing: {fault.strerror or fault}")
    return problems


def damaged_files(backup: Path, record: Backup) -> list[str]:
    """One sentence for each file, uploads apart, that is not as it was written."""
    problems = []
    for name, written in sorted(record.files.items()):
        try:
            if FileRecord.of(backup / name) != written:
                problems.append(f"{name} does not match its checksum")
        except OSError as fault:
            problems.append(f"{name} cannot be read: {fault.strerror or fault}")
    return problems
