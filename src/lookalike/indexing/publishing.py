"""When a new snapshot is due, and publishing it beside the old one."""

import io
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import numpy as np
from filelock import FileLock

from lookalike.catalog import KEEP_REMOVED, Catalog, LiveModel
from lookalike.columns import unknown_rows
from lookalike.durable import replace_file
from lookalike.embedding import Encoder, stranger_vectors
from lookalike.errors import StorageFailed
from lookalike.indexing.cuts import MOST_CUTS, Cuts, wanted_cuts
from lookalike.preprocessing import Limits
from lookalike.snapshot import (
    CENTRE_FROM,
    ENOUGH,
    Calibration,
    Centring,
    IndexChoice,
    IndexPlan,
    Manifest,
    PublicMean,
    Snapshot,
    SnapshotRows,
    find_choice,
    gathering,
    has_foreign,
    newest,
    prune,
    publish,
    set_foreign_aside,
)
from lookalike.types import Vectors, Visibility

_log = logging.getLogger(__name__)

_QUICK_SIZE = 20_000  # a snapshot of so many images is built in well under a second: no reason to wait
_LATE_SHARE = 0.10  # of the snapshot's size: beyond it, scanning the tail costs more than the index saves
_LEAST_TAIL = 1_000
_LOCK = "publish.lock"
_SECONDS_AFTER_FAILURE = 60.0
_MOST_IN_MEMORY = 500_000  # half a gigabyte at 256 dimensions


class Publisher:
    """Builds and publishes snapshots of a catalog's vectors.

    Args:
        catalog: where vectors and visibilities are read.
        snapshots: the folder to publish in.
        threads: for building; None for all cores.
        encoder_of: a model, opened, to calibrate closeness with; None where it is not on this machine, and closeness is
            then told by the library's images alone.
        choice: the file that says which index to build, as `lookalike tune` writes it; None for what suits the size.
        most_in_memory: images; the vectors of more are gathered in a file while an index is built of them.
        keep_removed: how long snapshots that do not belong to the catalog are kept aside.
        centre_from: public images from which vectors are centred; 0 for never.
        limits: for reading pictures of the library, of which some are cut to know what crops have in common.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        snapshots: Path,
        threads: int | None = None,
        encoder_of: Callable[[LiveModel], Encoder | None] = lambda _: None,
        choice: Path | None = None,
        most_in_memory: int = _MOST_IN_MEMORY,
        keep_removed: timedelta = KEEP_REMOVED,
        centre_from: int = CENTRE_FROM,
        limits: Limits | None = None,
    ) -> None:
        self._catalog = catalog
        self._snapshots = snapshots
        self._threads = threads
        self._encoder_of = encoder_of
        self._choice = choice
        self._most_in_memory = most_in_memory
        self._keep_removed = keep_removed
        self._centre_from = centre_from
        self._cuts = Cuts(catalog, snapshots, limits=limits or Limits())
        self._background: threading.Thread | None = None
        self._newest: Manifest | None = None  # that this process knows of, so that uploads need not look at the disk
        self._not_before = 0.0

    def publish(self, model: LiveModel, *, choice: IndexChoice | None = None) -> Snapshot:
        """Build a snapshot of everything the catalog holds for a model, and make it the newest.

        Args:
            model: whose vectors.
            choice: the index to build; None for the one that was chosen for this library, or else for its size.

        Raises:
            StorageFailed: the disk is full, read-only or failing; older snapshots are as they were.
        """
        with self._alone():
            return self._publish(model, choice)

    def publish_if_due(self, model: LiveModel) -> Snapshot | None:
        """Publish when no whole snapshot belongs to the catalog, or when enough has changed since its watermark.

        Of several processes to which it looks due, the first one publishes.
        """
        with self._alone():
            return self._publish(model, None) if self._is_due(model) else None

    def _is_due(self, model: LiveModel) -> bool:
        snapshot = newest(self._snapshots, model.fingerprint, catalog=self._catalog)
        if (
            snapshot is None
            or snapshot.manifest.centre_from != self._centre_from
            or has_foreign(self._snapshots, model.fingerprint, self._catalog)
        ):
            return True
        self._newest = snapshot.manifest
        changed = self._catalog.changes.sequence() - snapshot.manifest.watermark
        return bool(changed) and (snapshot.manifest.size <= _QUICK_SIZE or self._is_late(model))

    def _publish(self, model: LiveModel, choice: IndexChoice | None) -> Snapshot:
        set_foreign_aside(self._snapshots, self._catalog, keep=self._keep_removed)
        snapshot = self._build(model, choice)
        prune(self._snapshots, model.fingerprint)
        self._newest = snapshot.manifest
        _log.info("published snapshot %d of %d images", snapshot.manifest.number, snapshot.manifest.size)
        return snapshot

    def publish_soon(self, model: LiveModel) -> None:
        """Publish in the background if the tail has grown long, or if another catalog was put in place.

        At most one at a time in this process; after a failure not for a minute.
        """
        at_work = self._background is not None and self._background.is_alive()
        if at_work or time.monotonic() < self._not_before or self._catalog.read_only:
            return
        if self._is_late(model):
            self._background = threading.Thread(target=self._publish_late, args=(model,), name="publish", daemon=True)
            self._background.start()

    def wait(self) -> None:
        """Return when nothing is being published in the background."""
        if self._background is not None:
            self._background.join()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait for other processes that publish here."""
        lock = FileLock(self._snapshots / _LOCK)
        try:
            self._snapshots.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as fault:
            raise StorageFailed(
                f"{self._snapshots}: no index can be published there: {fault.strerror or fault};"
                " images that are already stored can still be searched"
            ) from fault
        try:
            yield
        finally:
            lock.release()

    def _is_late(self, model: LiveModel) -> bool:
        known = self._newest
        if known is None or known.fingerprint != model.fingerprint:
            return self._catalog.changes.sequence() > _LEAST_TAIL or has_foreign(
                self._snapshots, model.fingerprint, self._catalog
            )
        if not self._catalog.changes.has_been(known.state):
            return True
        return self._catalog.changes.sequence() - known.watermark > max(_LEAST_TAIL, known.size * _LATE_SHARE)

    def _publish_late(self, model: LiveModel) -> None:
        try:
            self.publish_if_due(model)
        except Exception:  # noqa: BLE001 - searches go on with the tail; the next upload tries again
            self._not_before = time.monotonic() + _SECONDS_AFTER_FAILURE
            _log.exception("the snapshot could not be published")

    def centring(self, model: LiveModel) -> Centring:
        """How vectors would be centred by an index that is published now; nothing is published."""
        seen = self._public_mean(model)
        for block in self._catalog.vectors.blocks(model.fingerprint):
            seen.take(block)
        return self._centring(model, seen)

    def _public_mean(self, model: LiveModel) -> PublicMean:
        return PublicMean(model.dimension, sampled=MOST_CUTS)

    def _centring(self, model: LiveModel, seen: PublicMean) -> Centring:
        if not 0 < self._centre_from <= seen.size:
            return Centring.none(model.dimension)
        encoder = None if self._catalog.read_only else self._encoder_at_hand(model)
        return Centring.of(seen.mean, self._cuts.vectors(model, seen.first_ids[: wanted_cuts(seen.size)], encoder))

    def _build(self, model: LiveModel, choice: IndexChoice | None) -> Snapshot:
        seen = self._public_mean(model)
        image_ids: list[str] = []
        visibilities: list[Visibility] = []
        regions = [np.zeros(0, np.int16)]
        columns = [unknown_rows(0)]
        with ExitStack() as open_until_published:
            with self._catalog.vectors.reading(model.fingerprint) as reading:
                room = gathering(
                    self._snapshots, size=reading.size, dimension=model.dimension, most_in_memory=self._most_in_memory
                )
                gathered = open_until_published.enter_context(room)
                for block in reading.blocks():
                    image_ids.extend(block.image_ids)
                    visibilities.extend(block.visibilities)
                    gathered.take(block.vectors)
                    seen.take(block)
                    regions.append(block.regions)
                    columns.append(block.columns)
                state = reading.state
            centring = self._centring(model, seen)
            gathered.centre(centring, np.concatenate(regions))
            rows = SnapshotRows(
                image_ids=image_ids,
                vectors=gathered.vectors,
                visibilities=visibilities,
                regions=np.concatenate(regions),
                columns=np.concatenate(columns),
                centring=centring,
                centre_from=self._centre_from,
            )
            return publish(
                self._snapshots,
                rows,
                model_name=model.name,
                fingerprint=model.fingerprint,
                state=state,
                index=self._plan(choice or self._chosen(model, len(rows))),
                calibration=self._calibration(model, visibilities.count(Visibility.PUBLIC)),
            )

    def _plan(self, choice: IndexChoice | None) -> IndexPlan:
        if choice is None:
            return IndexPlan(threads=self._threads)
        return IndexPlan(
            backend=choice.backend, parameters=choice.building, searching=choice.searching, threads=self._threads
        )

    def _encoder_at_hand(self, model: LiveModel) -> Encoder | None:
        encoder = self._encoder_of(model)
        return None if encoder is None or encoder.fingerprint != model.fingerprint else encoder

    def _calibration(self, model: LiveModel, public: int) -> Calibration:
        """What closeness is told by beside the library's own images; nothing where its model is not at hand."""
        encoder = self._encoder_at_hand(model)
        if encoder is None:
            return Calibration()
        if public < ENOUGH:
            return Calibration(reference_cosines=encoder.reference_cosines)
        return Calibration(strangers=self._strangers(encoder))

    def _strangers(self, encoder: Encoder) -> Vectors:
        """A model's vectors of pictures that belong to no library: made once, and kept beside the snapshots."""
        path = self._snapshots / f"strangers-{encoder.fingerprint[:12]}.npy"
        with suppress(OSError, ValueError, EOFError):
            kept: Vectors = np.load(path, allow_pickle=False)
            if kept.dtype == np.float32 and kept.shape[1:] == (encoder.dimension,) and np.isfinite(kept).all():
                return kept
        vectors = stranger_vectors(encoder)
        content = io.BytesIO()
        np.save(content, vectors)
        replace_file(path, content.getvalue())
        return vectors

    def _chosen(self, model: LiveModel, size: int) -> IndexChoice | None:
        """What `lookalike tune` chose for this library, unless it cannot be followed any more."""
        if self._choice is None:
            return None
        found = find_choice(self._choice, fingerprint=model.fingerprint, size=size)
        for note in found.notes:
            _log.warning("%s", note)
        return found.choice
