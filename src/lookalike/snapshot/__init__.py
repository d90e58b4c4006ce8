"""The index table: immutable generations on disk, published atomically and checked when opened."""

from lookalike.snapshot.closeness import Closeness
from lookalike.snapshot.manifest import FORMAT_VERSION, FileRecord, Manifest
from lookalike.snapshot.publishing import publish
from lookalike.snapshot.stored import VISIBILITY_CODES, Snapshot, newest, prune, verify

__all__ = [
    "FORMAT_VERSION",
    "VISIBILITY_CODES",
    "Closeness",
    "FileRecord",
    "Manifest",
    "Snapshot",
    "newest",
    "prune",
    "publish",
    "verify",
]
