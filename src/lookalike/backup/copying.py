"""Copying files such that they are whole, checked and on disk."""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from lookalike.catalog import Originals, content_id
from lookalike.errors import StorageFailed
from lookalike.snapshot import FileRecord

_PIECE = 1 << 20


def copy_file(source: Path, target: Path) -> FileRecord:
    """Copy a file; its length and checksum as they were read.

    Raises:
        OSError: it cannot be read, or the copy cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as reading, target.open("xb") as writing:
        while piece := reading.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            writing.write(piece)
        writing.flush()
        os.fsync(writing.fileno())
    return FileRecord(bytes=size, sha256=digest.hexdigest())


def copy_upload(image_id: str, source: Originals, target: Originals, *, link: bool) -> int | None:
    """Copy the bytes of an upload, or share them by a hard link: such a file is never changed, only removed.

    Args:
        image_id: of the upload.
        source: where it is.
        target: where it goes.
        link: share where both are on one file system.

    Returns:
        Bytes copied, 0 where they are shared; None where the source has lost them, or they are not what they were.

    Raises:
        StorageFailed: they cannot be written; no part of them is left.
    """
    try:
        content = source.get(image_id)
    except OSError:
        return None
    if content_id(content) != image_id:
        return None
    if link and source.has(image_id) and _linked(source.path(image_id), target.path(image_id)):
        return 0
    target.put(image_id, content)
    target.settle([image_id])
    return len(content)


def _linked(source: Path, target: Path) -> bool:
    part = target.with_name(f"{target.name}.{secrets.token_hex(8)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, part)
        try:
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError:
        return False  # another file system, or one without links: it is copied
    return True


@contextlib.contextmanager
def told_as_storage(what: str) -> Iterator[None]:
    """Turn the system's faults into ours.

    Raises:
        StorageFailed: in place of an OSError.
    """
    try:
        yield
    except OSError as fault:
        raise StorageFailed(f"{what}: {fault.filename or ''} {fault.strerror or fault}".replace("  ", " ")) from fault


def sync_tree(folder: Path) -> None:
    """Wait until the names in a folder and all below it are on disk."""
    for place, _, _ in os.walk(folder):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
