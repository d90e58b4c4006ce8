"""An image's bytes, from its upload or from any file it was seen at."""

import hashlib
import io
import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from cachetools import LRUCache

from lookalike.blobs import Blobs
from lookalike.catalog.records import SourceFile, content_id
from lookalike.regular_files import open_regular

logger = logging.getLogger(__name__)
_MOST_REMEMBERED = 4096
_PIECE = 1 << 20


class OpenedContents:
    """Opens images' bytes, as files. Thread-safe.

    Each file is hashed before it is used, for it may be rewritten with its size and time kept. Only one whose last
    change, which nobody can set, is the one that was hashed is not hashed again.
    """

    def __init__(self) -> None:
        self._hashed: LRUCache[tuple[int, ...], str] = LRUCache(_MOST_REMEMBERED)
        self._lock = threading.Lock()

    def open(self, image_id: str, originals: Blobs, files: Sequence[SourceFile]) -> tuple[BinaryIO | None, list[str]]:
        """The bytes that the id is the hash of, as a file that the caller closes, and the paths with other bytes.

        None where neither the upload nor any of the files has them.
        """
        tried: list[str] = []
        differing: list[str] = []
        try:
            opened = originals.open(image_id)
            if self._is(image_id, opened):
                return opened, differing
            tried.append("uploaded bytes: are damaged")
        except FileNotFoundError:
            pass
        except OSError as error:
            tried.append(f"uploaded bytes: {error.strerror or error}")
        for file in files:
            try:
                opened, status = open_regular(Path(file.path))
                if self._is(image_id, opened, expected=status.st_size <= file.byte_count):
                    return opened, differing
            except OSError as error:
                tried.append(f"{file.path!a}: {error.strerror or error}")
                continue
            differing.append(file.path)
            tried.append(f"{file.path!a}: holds other bytes than when it was indexed")
        # The paths go to the log only: the answer may be shown to somebody who must not learn them.
        logger.warning("image %s cannot be read: %s", image_id, "; ".join(tried))
        return None, differing

    def _is(self, image_id: str, file: BinaryIO, *, expected: bool = True) -> bool:
        """Whether the id is the hash of these bytes; a file of others is closed."""
        try:
            if expected and self._hash(file) == image_id:
                return True
        except BaseException:
            file.close()
            raise
        file.close()
        return False

    def _hash(self, file: BinaryIO) -> str:
        try:
            status = os.fstat(file.fileno())
        except (io.UnsupportedOperation, OSError):  # bytes in memory
            return _hash_of(file)
        key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        with self._lock:
            known = self._hashed.get(key)
        if known is not None:
            return known
        found = _hash_of(file)
        with self._lock:
            self._hashed[key] = found
        return found


def _hash_of(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    file.seek(0)
    return digest.hexdigest()[: len(content_id(b""))]
