"""Files that are whole or not there."""

import os
import uuid
from pathlib import Path

from lookalike.errors import StorageFailed


def replace_file(path: Path, content: bytes) -> None:
    """Write beside the place and rename: whoever opens it sees the old file or the new one, never half of one.

    Raises:
        StorageFailed: the folder is not there, the disk is full, read-only or failing; what was there is still there.
    """
    beside = path.with_name(f".{path.name[:64]}-{uuid.uuid4().hex}")
    try:
        try:
            with beside.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        _sync(path.parent)
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be written: {error.strerror or error}") from error


def _sync(folder: Path) -> None:
    """Make the rename itself survive a cut of power."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
