"""Thumbnails on disk, made once and deleted when they take too much space."""

import contextlib
import logging
import os
import threading
from enum import IntEnum
from pathlib import Path

from lookalike.durable import replacing

_log = logging.getLogger(__name__)
_KEPT_SHARE = 0.9  # after a clean-up, so that the next one is a while away


class ThumbnailSize(IntEnum):
    """The longest side of a thumbnail, pixels: a few sizes, so that a cache can hold them."""

    TINY = 64
    SMALL = 128
    MEDIUM = 256
    LARGE = 512
    HUGE = 1024


class ThumbnailCache:
    """A folder of thumbnails by image and size; the least recently used go first. Safe for threads and processes.

    A thumbnail appears whole or not at all. Nothing here is truth: the folder may be deleted at any time, and when it
    cannot be written thumbnails are made anew each time.

    Args:
        folder: made when first needed.
        most_bytes: what the thumbnails may take together.
    """

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._bytes: int | None = None
        self._lock = threading.Lock()

    def get(self, image_id: str, size: ThumbnailSize) -> bytes | None:
        """The thumbnail, or None where it has to be made."""
        path = self._path(image_id, size)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # the modification time says when it was last used: access times are often switched off
        return content or None

    def put(self, image_id: str, size: ThumbnailSize, content: bytes) -> None:
        """Keep a thumbnail; failing to is logged and no more."""
        path = self._path(image_id, size)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path, durable=False) as part:
                part.write_bytes(content)
        except OSError as fault:
            _log.warning("thumbnail of %s not kept: %s", image_id, fault)
            return
        self._make_room(len(content))

    def forget(self, image_id: str) -> None:
        """Remove an image's thumbnails: it was deleted or hidden."""
        for size in ThumbnailSize:
            with contextlib.suppress(OSError):
                self._path(image_id, size).unlink(missing_ok=True)

    def _path(self, image_id: str, size: ThumbnailSize) -> Path:
        return self._folder / image_id[:2] / f"{image_id}-{size.value}"

    def _make_room(self, added: int) -> None:
        with self._lock:
            if self._bytes is None:
                self._bytes = sum(size for _, size, _ in self._kept())
            else:
                self._bytes += added
            if self._bytes <= self._most_bytes:
                return
            self._bytes = self._throw_away_the_oldest()

    def _throw_away_the_oldest(self) -> int:
        """Leave no more than nine tenths of the room taken; returns the bytes that stay."""
        newest_first = sorted(self._kept(), reverse=True)
        stay = 0
        for _, size, path in newest_first:
            if stay + size <= self._most_bytes * _KEPT_SHARE:
                stay += size
            else:
                with contextlib.suppress(OSError):
                    path.unlink()
        return stay

    def _kept(self) -> list[tuple[int, int, Path]]:
        """Last use in nanoseconds, bytes and path of every file, half-written ones too."""
        kept = []
        for path in self._folder.glob("??/*"):
            with contextlib.suppress(OSError):
                status = path.stat()
                kept.append((status.st_mtime_ns, status.st_size, path))
        return kept
