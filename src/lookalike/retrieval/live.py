"""Which model and which index answer now, and how newer ones take their place."""

import logging
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from lookalike.catalog import Catalog, LiveModel
from lookalike.embedding import Encoder, LiveModelFollower
from lookalike.errors import LibraryBusy
from lookalike.retrieval.view import View
from lookalike.snapshot import Centring, Closeness, Snapshot, centring_of, newest

_log = logging.getLogger(__name__)
_SECONDS_BETWEEN_TRIES = 1.0
_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """One model, and what its vectors can be searched by.

    Attributes:
        model: as the catalog names it.
        encoder: that model, opened.
        view: what can be found.
        closeness: the library's own calibration, or the model's while nothing is published.
        notes: what the user should know, such as a damaged snapshot that was passed over.
    """

    model: LiveModel
    encoder: Encoder
    view: View
    closeness: Closeness
    notes: tuple[str, ...]


class LiveIndex:
    """Follows the catalog, and opens newer snapshots and models beside what answers meanwhile.

    Args:
        catalog: the truth.
        snapshots: the folder they are published in.
        models: the model that the catalog says is live, opened.
    """

    def __init__(self, catalog: Catalog, *, snapshots: Path, models: LiveModelFollower) -> None:
        self._catalog = catalog
        self._snapshots = snapshots
        self._models = models
        self._live: Live | None = None
        self._lock = threading.Lock()
        self._opening: threading.Thread | None = None
        self._folder_seen = 0
        self._other_model = False
        self._look_again_at = 0.0

    def current(self) -> Live:
        """What answers now, with every change of the catalog so far.

        Raises:
            LibraryMissing: nothing was ever indexed here, so no model is live.
            ModelMissing: the live model is not on this machine.
        """
        with self._lock:
            if self._live is None:
                self._live = self._open(self._models.model())
            view = self._live.view.following(self._catalog)
            if view is None:
                self._live = self._start_over()
                view = self._live.view
            changed = view is not self._live.view
            if changed:
                self._live = replace(self._live, view=view)
            if changed or time.monotonic() > self._look_again_at:  # a switch of models need not change an image
                self._look_again_at = time.monotonic() + _SECONDS_BETWEEN_TRIES
                self._other_model = self._catalog.models.live() != self._live.model
            newer = self._other_model or self._folder_time(self._live.model) != self._folder_seen
            if newer and self._opening is None:
                self._opening = threading.Thread(target=self._reopen, name="open-snapshot", daemon=True)
                self._opening.start()
            return self._live

    def peek(self) -> Live | None:
        """What answered last, without waiting or following."""
        return self._live

    def centring_at(self, generation: str, model: LiveModel) -> Centring | None:
        """How vectors were centred at an earlier generation of a model; None where that is not known any more."""
        number = View.snapshot_number(generation)
        if number == 0:
            return Centring.none(model.dimension)
        live = self._live
        snapshot = live.view.snapshot if live and live.model == model else None
        if snapshot is not None and snapshot.manifest.number == number:
            return snapshot.centring
        return centring_of(self._snapshots, model.fingerprint, number=number, dimension=model.dimension)

    def close(self) -> None:
        """Let go of the model."""
        opening = self._opening
        if opening is not None:
            opening.join()
        if self._live is not None:
            self._live.encoder.close()

    def _start_over(self) -> Live:
        """Another catalog, or an older state of this one, was put in place: nothing known of the old one holds."""
        _log.warning("the catalog was replaced by another one or by an older state of it; searches follow it")
        live = self._open(self._models.model())
        note = "the catalog was replaced while this service ran; uploads and changes it does not know are not found"
        return replace(live, notes=(*live.notes, note))

    def _open(self, model: LiveModel) -> Live:
        folder_seen = self._folder_time(model)  # first, so that what is published meanwhile is looked at, too
        problems: list[str] = []
        encoder = self._models.encoder_of(model)
        snapshot, view = self._newest_view(model, problems)
        if problems:
            used = f"snapshot {snapshot.manifest.number}" if snapshot else "exact search over the catalog"
            problems.append(f"{used} is used instead; run `lookalike index` to publish a new one")
        closeness = snapshot.closeness if snapshot else Closeness.reference(encoder.reference_cosines)
        self._folder_seen = folder_seen  # last: an opening that failed is tried again
        return Live(model=model, encoder=encoder, view=view, closeness=closeness, notes=tuple(problems))

    def _newest_view(self, model: LiveModel, problems: list[str]) -> tuple[Snapshot | None, View]:
        """The newest snapshot of this catalog, and the view of everything through it.

        Raises:
            LibraryBusy: the catalog is replaced again and again.
        """
        for _ in range(_TRIES):
            snapshot = newest(self._snapshots, model.fingerprint, catalog=self._catalog, problems=problems)
            empty = View.of(snapshot, fingerprint=model.fingerprint, dimension=model.dimension)
            view = empty.following(self._catalog)
            if view is not None:
                return snapshot, view
        raise LibraryBusy("the catalog is being replaced; try again when that is done")

    def _folder_time(self, model: LiveModel) -> int:
        try:
            return (self._snapshots / model.fingerprint[:12]).stat().st_mtime_ns
        except OSError:
            return 0

    def _reopen(self) -> None:
        """Open what is newer, beside what answers meanwhile, and switch."""
        try:
            live = self._open(self._models.model())
            with self._lock:
                self._live, self._other_model = live, False
            _log.info("now searching %s", live.view.generation)
        except Exception:  # noqa: BLE001 - whatever happened here, the old snapshot still answers
            _log.exception("the newer snapshot or model could not be opened; the old one goes on answering")
            time.sleep(_SECONDS_BETWEEN_TRIES)
        finally:
            self._opening = None
