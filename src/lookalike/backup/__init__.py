"""Backup and restore of a library: the catalog, the uploads, and other files that cannot be rebuilt."""

from lookalike.backup.checking import check_backup
from lookalike.backup.folder import Backup, BackupFolder
from lookalike.backup.making import BackupReport, Parts, back_up
from lookalike.backup.restoring import RestoreReport, install_models, restore

__all__ = [
    "Backup",
    "BackupFolder",
    "BackupReport",
    "Parts",
    "RestoreReport",
    "back_up",
    "check_backup",
    "install_models",
    "restore",
]
