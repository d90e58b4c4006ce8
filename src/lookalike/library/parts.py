"""The one place where the parts are connected: settings in, the parts of a working library out."""

import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path

from lookalike.catalog import Catalog, LiveModel
from lookalike.embedding import Encoder, LiveModelFollower, Mode, open_encoder
from lookalike.errors import (
    LibraryOutdated,
    ModelMissing,
    UnknownModel,
    VectorsRefused,
)
from lookalike.indexing import Indexer, Moderator, Publisher, alone
from lookalike.library.moderating import opened_moderator, runtime_of
from lookalike.preprocessing import Limits, Preparer
from lookalike.preprocessing.decoding_processes import preparer
from lookalike.progress import Progress
from lookalike.retrieval import ExactRanker, QueryJournal, SearchEngine, policies_of
from lookalike.settings import Settings
from lookalike.snapshot import CHOICE_FILE, Centring


class LibraryParts:
    """The parts of one library, each made when it is first asked for, and closed together.

    Args:
        settings: which library, and how its parts work.
        mode: what models are opened for: `latency` answers one query soon, `throughput` many images, `serving` both.
    """

    def __init__(self, settings: Settings, *, mode: Mode = "latency") -> None:
        self.settings = settings
        self._mode = mode
        self._closing = ExitStack()
        self.is_closed = False
        self._opening = threading.RLock()
        self._next: Encoder | None = None

    def close(self) -> None:
        """Close what was opened, the last first."""
        self.is_closed = True
        self._closing.close()

    @cached_property
    def catalog(self) -> Catalog:
        """The truth."""
        return self._closing.enter_context(Catalog.open(self.settings.url, originals=self.settings.originals))

    @property
    def limits(self) -> Limits:
        """Of pictures, tested before they are decoded."""
        return self.settings.limits

    @cached_property
    def decoding(self) -> Preparer:
        """What prepares pictures: this process, or others that may be lost."""
        return self._closing.enter_context(preparer(self.settings.decode_processes))

    @cached_property
    def live_model(self) -> LiveModelFollower:
        """The model that answers, opened: searching, uploading and publishing all ask here."""
        return LiveModelFollower(self.catalog, open_model=self._open_live)

    @property
    def encoder(self) -> Encoder:
        """The model to index with: the one that answers, or the one that the settings name where none does yet.

        Where the live vectors are of an earlier recipe it is the same model with the present one.
        """
        live = self.catalog.models.live()
        if live is None:
            return self._open_next(self.settings.model)
        with self._opening:
            if self._next is not None and live.fingerprint in self._next.earlier_fingerprints:
                return self._next
        try:
            return self.live_model.encoder_of(live)
        except LibraryOutdated:
            return self._open_next(live.name)

    def _open_next(self, name: str) -> Encoder:
        """A model that does not answer yet: opened once, for as long as it does not."""
        with self._opening:
            if self._next is None or self._next.name != name:
                self._next = self.open_model(name)
            return self._next

    def _open_live(self, model: LiveModel) -> Encoder:
        """The model that the catalog says is live: the one that was indexed with, where that became live."""
        with self._opening:
            indexed_with, self._next = self._next, None
            if indexed_with is not None and indexed_with.fingerprint == model.fingerprint:
                return indexed_with
            return self.open_exactly(model)

    def open_for_indexing(self, name: str | None = None) -> Encoder:
        """A model opened for many images, which the caller closes.

        Args:
            name: of a model on this machine; None for the one that answers, or the one that the settings name.

        Raises:
            VectorsRefused: the model that answers is another one of that name than the one on this machine.
            UnknownModel, ModelMissing: it is not on this machine.
        """
        live = self.catalog.models.live()
        if name is not None or live is None:
            return self.open_model(name or self.settings.model, mode="throughput", keep=False)
        try:
            return self.open_exactly(live, mode="throughput", keep=False)
        except LibraryOutdated:
            return self.open_model(live.name, mode="throughput", keep=False)

    def is_outdated(self, encoder: Encoder) -> bool:
        """Whether the live vectors were made by an earlier recipe of this model, so that indexing makes all anew."""
        live = self.catalog.models.live()
        return live is not None and live.fingerprint in encoder.earlier_fingerprints

    @property
    def index_choice(self) -> Path:
        """The file that says which index to publish, once `lookalike tune` wrote it."""
        return self.settings.library / CHOICE_FILE

    @cached_property
    def publisher(self) -> Publisher:
        """Publishes snapshots of the live model's vectors."""
        return self._publisher_for(partial(_encoder_if_here, self))

    def _publisher_for(self, encoder_of: Callable[[LiveModel], Encoder | None]) -> Publisher:
        publisher = Publisher(
            self.catalog,
            snapshots=self.settings.snapshots,
            threads=self.settings.threads or None,
            encoder_of=encoder_of,
            choice=self.index_choice,
            keep_removed=timedelta(days=self.settings.keep_removed_days),
            centre_from=self.settings.centre_from_images,
            limits=self.limits,
        )
        self._closing.callback(publisher.wait)
        return publisher

    def centring_of(self, encoder: Encoder) -> Centring:
        """How vectors of a model would be centred by an index of them that is published now."""
        return self._publisher_for(lambda _: encoder).centring(_model_of(encoder))

    def exact_ranker(self, encoder: Encoder) -> ExactRanker:
        """Ranks by exact search, with the library's policies, as an index of this model's vectors published now."""
        centring, policies = self.centring_of(encoder), policies_of(self.settings.policies, self.catalog)
        return ExactRanker(self.catalog, encoder, centring=centring, limits=self.limits, rerankers=policies)

    @property
    def _lock(self) -> Path:
        return self.settings.library / "index.lock"

    def alone(self) -> AbstractContextManager[None]:
        """Hold off index runs meanwhile.

        Raises:
            LibraryBusy: one is at work.
        """
        return alone(self._lock)

    @cached_property
    def indexer(self) -> Indexer:
        """Takes folders and uploads with the live model, and goes on with another one that becomes live."""
        return self._indexer(lambda: self.encoder, self.publisher, live=self.live_model)

    def indexer_for(self, encoder: Encoder) -> Indexer:
        """Takes folders with that model, whichever one is live."""
        return self._indexer(lambda: encoder, self._publisher_for(lambda _: encoder), live=None)

    def _indexer(
        self, encoder: Callable[[], Encoder], publisher: Publisher, *, live: LiveModelFollower | None
    ) -> Indexer:
        return Indexer(
            self.catalog,
            encoder=encoder,
            publisher=publisher,
            lock=self._lock,
            leave_out=self.settings.library,
            limits=self.limits,
            decoding=self.decoding,
            live=live,
            keep_removed=timedelta(days=self.settings.keep_removed_days),
            moderator=lambda: self.moderator,
        )

    @cached_property
    def moderator(self) -> Moderator | None:
        """What looks at new images; None where the settings ask for nothing. Raises as `opened_moderator` does."""
        moderator, close = opened_moderator(self.settings, limits=self.limits, decoding=self.decoding, mode=self._mode)
        self._closing.callback(close)
        return moderator

    @cached_property
    def engine(self) -> SearchEngine:
        """Answers queries."""
        engine = SearchEngine(
            self.catalog,
            snapshots=self.settings.snapshots,
            models=self.live_model,
            journal=QueryJournal(self.catalog),
            limits=self.limits,
            decoding=self.decoding,
            rerankers=policies_of(self.settings.policies, self.catalog),
            open_challenger=partial(_challenger, self),
        )
        self._closing.callback(engine.close)
        return engine

    def open_model(self, name: str, *, mode: Mode | None = None, keep: bool = True) -> Encoder:
        """Open a model by name, as the settings say.

        Args:
            name: of the model.
            mode: what for, where it differs from the library's.
            keep: close it with the library; otherwise the caller does.
        """
        encoder = open_encoder(
            name,
            models=self.settings.models,
            runtime=runtime_of(self.settings),
            mode=mode or self._mode,
            threads=self.settings.threads or None,
        )
        if keep:
            self._closing.callback(_close, weakref.ref(encoder))  # who uses it keeps it open; nobody else does
        return encoder

    def require_live(self) -> LiveModel:
        """The model that answers.

        Raises:
            LibraryMissing: nothing was indexed.
        """
        return self.live_model.model()

    def base_model(self, name: str | None) -> Encoder:
        """The model to start learning from, opened for many images.

        Args:
            name: of a model on this machine; None for the one that answers.

        Raises:
            LibraryMissing: none was named, and nothing was indexed.
            UnknownModel, ModelMissing: it is not on this machine.
        """
        if name is not None:
            return self.open_model(name, mode="throughput")
        return self.open_exactly(self.require_live(), mode="throughput")

    def open_exactly(self, model: LiveModel, *, mode: Mode | None = None, keep: bool = True) -> Encoder:
        """Open a model by name, if it is still the one that made the vectors.

        Raises:
            LibraryOutdated: the same model made them, in an earlier version of lookalike.
            VectorsRefused: the one on this machine is another.
            ModelMissing: it is not on this machine.
        """
        encoder = self.open_model(model.name, mode=mode, keep=keep)
        if model.fingerprint in encoder.earlier_fingerprints:
            raise LibraryOutdated(
                "the vectors of this library were made by an earlier version of lookalike, which read some pictures in"
                " another way; run `lookalike index FOLDER` once: it makes them again, and nothing else is lost"
            )
        if encoder.fingerprint != model.fingerprint:
            raise VectorsRefused(
                f"this library was indexed with another {model.name} ({model.fingerprint[:12]}) than the one installed"
                f" ({encoder.fingerprint[:12]}); run `lookalike index --model {model.name} FOLDER` to move it over"
            )
        return encoder


def ranker_by(library: LibraryParts, name: str, progress: Progress) -> ExactRanker:
    """Ranks by exact search with a model of this machine, after every image was embedded with it."""
    encoder = library.open_model(name)
    library.indexer_for(encoder).embed_known(progress=progress)
    return library.exact_ranker(encoder)


def _challenger(library: LibraryParts, name: str) -> ExactRanker:
    """Another model's ranker, with the policies of the library: what they hide stays hidden in an experiment."""
    return library.exact_ranker(library.open_model(name))


def _encoder_if_here(library: LibraryParts, _model: LiveModel) -> Encoder | None:
    """The model to index with; none where it is not on this machine, for publishing stored vectors needs none."""
    try:
        return library.encoder
    except (ModelMissing, UnknownModel, VectorsRefused):
        return None


def _model_of(encoder: Encoder) -> LiveModel:
    return LiveModel(name=encoder.name, fingerprint=encoder.fingerprint, dimension=encoder.dimension)


def _close(encoder: "weakref.ref[Encoder]") -> None:
    opened = encoder()
    if opened is not None:
        opened.close()
