"""When a new snapshot is due, and publishing it beside the old one."""

import logging
import threading
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from lookalike.catalog import Catalog, LiveModel
from lookalike.snapshot import Snapshot, newest, prune, publish
from lookalike.types import Visibility

_log = logging.getLogger(__name__)

_QUICK_SIZE = 20_000  # a snapshot of so many images is built in well under a second: no reason to wait
_LATE_SHARE = 0.10  # of the snapshot's size: beyond it, scanning the tail costs more than the index saves
_LEAST_TAIL = 1_000


class Publisher:
    """Builds and publishes snapshots of a catalog's vectors.

    Args:
        catalog: where vectors and visibilities are read.
        snapshots: the folder to publish in.
        threads: for building; None for all cores.
        reference_cosines: the model's own random-pair cosines, for libraries too small to have their own.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        snapshots: Path,
        threads: int | None = None,
        reference_cosines: NDArray[np.float32] | None = None,
    ) -> None:
        self._catalog = catalog
        self._snapshots = snapshots
        self._threads = threads
        self._reference_cosines = reference_cosines
        self._background: threading.Thread | None = None
        self._watermark = 0  # of the newest snapshot this process knows of, so that uploads need not look at the disk
        self._size = 0

    def publish(self, model: LiveModel) -> Snapshot:
        """Build a snapshot of everything the catalog holds for a model, and make it the newest.

        Raises:
            StorageFailed: the disk is full or failing; older snapshots are as they were.
        """
        self._snapshots.mkdir(parents=True, exist_ok=True)
        with FileLock(self._snapshots / "publish.lock"):
            snapshot = self._build(model)
            prune(self._snapshots, model.fingerprint)
        self._remember(snapshot)
        _log.info("published snapshot %d of %d images", snapshot.manifest.number, snapshot.manifest.size)
        return snapshot

    def publish_if_due(self, model: LiveModel) -> Snapshot | None:
        """Publish when there is no whole snapshot, or when enough has changed since its watermark."""
        snapshot = newest(self._snapshots, model.fingerprint)
        if snapshot is None:
            return self.publish(model)
        self._remember(snapshot)
        changed = self._catalog.sequence() - self._watermark
        if changed and (self._size <= _QUICK_SIZE or self._is_late()):
            return self.publish(model)
        return None

    def publish_soon(self, model: LiveModel) -> None:
        """Publish in the background if the tail has grown long; at most one at a time in this process."""
        if self._is_late() and (self._background is None or not self._background.is_alive()):
            self._background = threading.Thread(target=self._publish_late, args=(model,), name="publish", daemon=True)
            self._background.start()

    def wait(self) -> None:
        """Return when nothing is being published in the background."""
        if self._background is not None:
            self._background.join()

    def _is_late(self) -> bool:
        return self._catalog.sequence() - self._watermark > max(_LEAST_TAIL, self._size * _LATE_SHARE)

    def _remember(self, snapshot: Snapshot) -> None:
        self._watermark, self._size = snapshot.manifest.watermark, snapshot.manifest.size

    def _publish_late(self, model: LiveModel) -> None:
        try:
            self.publish_if_due(model)
        except Exception:  # noqa: BLE001 - searches go on with the tail; the next upload tries again
            _log.exception("the snapshot could not be published")

    def _build(self, model: LiveModel) -> Snapshot:
        image_ids: list[str] = []
        visibilities: list[Visibility] = []
        blocks = [np.zeros((0, model.dimension), dtype=np.float32)]
        hashes = [np.zeros(0, dtype=np.uint64)]
        with self._catalog.vectors_at(model.fingerprint) as reading:
            for block in reading.blocks():
                image_ids.extend(block.image_ids)
                visibilities.extend(block.visibilities)
                blocks.append(block.vectors)
                hashes.append(block.difference_hashes)
            watermark = reading.sequence
        return publish(
            self._snapshots,
            model_name=model.name,
            fingerprint=model.fingerprint,
            watermark=watermark,
            image_ids=image_ids,
            vectors=np.concatenate(blocks),
            visibilities=visibilities,
            difference_hashes=np.concatenate(hashes),
            threads=self._threads,
            reference_cosines=self._reference_cosines,
        )
