"""Copying files completely, with checksums, and flushed to disk."""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from lookalike.blobs import FolderBlobs
from lookalike.catalog import content_id
from lookalike.durable import whole_file
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
    with source.open("rb") as reading, whole_file(target) as writing:
        while piece := reading.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            writing.write(piece)
    return FileRecord(bytes=size, sha256=digest.hexdigest())


def copy_upload(image_id: str, source: FolderBlobs, target: FolderBlobs, *, link: bool) -> int | None:
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
    if link and source.share(image_id, target):
        return 0
    target.put(image_id, content)
    target.settle([image_id])
    return len(content)


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
