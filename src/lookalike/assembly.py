"""The one place where the parts are connected: settings in, a working library out."""

import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from lookalike.backup import Parts
from lookalike.catalog import Catalog, LiveModel
from lookalike.embedding import Encoder, open_encoder
from lookalike.embedding.registry import is_packaged
from lookalike.errors import (
    CallerError,
    LibraryMissing,
    LibraryOutdated,
    ModelMissing,
    StorageFailed,
    UnknownModel,
    VectorsRefused,
)
from lookalike.indexing import Indexer, Publisher, alone
from lookalike.preprocessing import Limits
from lookalike.retrieval import QueryJournal, SearchEngine
from lookalike.settings import FILE_NAME, Settings
from lookalike.snapshot import CHOICE_FILE

if TYPE_CHECKING:  # FastAPI takes a third of the time that a command takes to start, and only `serve` needs it
    from lookalike.serving import Services, ServingSettings

Mode = Literal["latency", "throughput"]
_LARGEST_RECORD = 10 * 1024 * 1024  # bytes of a file of a training run: what is larger is a checkpoint
_RUNTIMES = ("auto", "openvino", "onnxruntime")


class Library:
    """One collection, with its parts made when they are first asked for and closed together.

    Args:
        settings: which one, and how.
        mode: what the model is opened for: `latency` answers one query soon, `throughput` many images.
        model: the model to index with; None for the one that is live, or the setting for a new library.
    """

    def __init__(self, settings: Settings, *, mode: Mode = "latency", model: str | None = None) -> None:
        self.settings = settings
        self._mode = mode
        self._model = model
        self._closing = ExitStack()
        self._opening = threading.RLock()

    def close(self) -> None:
        """Close what was opened, the last first."""
        self._closing.close()

    @cached_property
    def catalog(self) -> Catalog:
        """The truth."""
        return self._closing.enter_context(Catalog.open(self.settings.url, originals=self.settings.originals))

    @cached_property
    def encoder(self) -> Encoder:
        """The model to index with."""
        live = self.catalog.models.live()
        if self._model is None and live is not None:
            return self._open_newest(live)
        return self.open_model(self._model or self.settings.model)

    def _open_newest(self, live: LiveModel) -> Encoder:
        """The live model; where its vectors are of an earlier recipe, the same model with the present one."""
        try:
            return self._open_live(live)
        except LibraryOutdated:
            return self.open_model(live.name)

    @property
    def is_outdated(self) -> bool:
        """Whether the next run embeds everything again: the vectors are of an earlier recipe of the same model."""
        live = self.catalog.models.live()
        return live is not None and live.fingerprint in self.encoder.earlier_fingerprints

    @property
    def index_choice(self) -> Path:
        """The file that says which index to publish, once `lookalike tune` wrote it."""
        return self.settings.library / CHOICE_FILE

    @cached_property
    def publisher(self) -> Publisher:
        """Publishes snapshots."""
        publisher = Publisher(
            self.catalog,
            snapshots=self.settings.snapshots,
            threads=self.settings.threads or None,
            encoder=self._encoder_if_here(),
            choice=self.index_choice,
            keep_removed=timedelta(days=self.settings.keep_removed_days),
        )
        self._closing.callback(publisher.wait)
        return publisher

    def _encoder_if_here(self) -> Encoder | None:
        """The model; none where it is not on this machine, for publishing stored vectors needs no model."""
        try:
            return self.encoder
        except (ModelMissing, UnknownModel, VectorsRefused):
            return None

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
        """Takes folders and uploads."""
        return self.indexer_for(self.encoder)

    def indexer_for(self, encoder: Encoder) -> Indexer:
        """An indexer that embeds with that model."""
        return Indexer(
            self.catalog,
            encoder=encoder,
            publisher=self.publisher,
            lock=self._lock,
            leave_out=self.settings.library,
            limits=image_limits(self.settings),
            open_live=self._open_live if self._model is None else None,
            keep_removed=timedelta(days=self.settings.keep_removed_days),
        )

    @cached_property
    def engine(self) -> SearchEngine:
        """Answers queries."""
        engine = SearchEngine(
            self.catalog,
            snapshots=self.settings.snapshots,
            open_encoder=self._open_live,
            journal=QueryJournal(self.catalog),
            limits=image_limits(self.settings),
        )
        self._closing.callback(engine.close)
        return engine

    @cached_property
    def services(self) -> "Services":
        """What the HTTP API is made of."""
        from lookalike.serving import Services  # noqa: PLC0415 - as above

        return Services(catalog=self.catalog, engine=self.engine, indexer=self.indexer)

    def backup_parts(self) -> Parts:
        """What a backup holds beside the catalog: uploads, settings, the index choice, runs, and models made here."""
        library = self.settings.library
        wanted = [library / FILE_NAME, self.index_choice, *(library / "training" / "runs").rglob("*")]
        here = [file for file in wanted if file.is_file() and file.stat().st_size <= _LARGEST_RECORD]
        files = {file.relative_to(library).as_posix(): file for file in here}
        names = {step.model.name for step in self.catalog.models.history()}
        for name in sorted(names):
            if not is_packaged(name):  # others can be pulled again
                model = self.settings.models / name
                files |= {f"models/{name}/{file.name}": file for file in sorted(model.glob("*")) if file.is_file()}
        return Parts(originals=self.settings.originals, files=files)

    def open_model(self, name: str, *, mode: Mode | None = None, keep: bool = True) -> Encoder:
        """Open a model by name, as the settings say.

        Args:
            name: of the model.
            mode: what for, where it differs from the library's.
            keep: close it with the library; otherwise the caller does.
        """
        if self.settings.runtime not in _RUNTIMES:
            raise CallerError(f"runtime {self.settings.runtime!r}: choose one of {', '.join(_RUNTIMES)}")
        encoder = open_encoder(
            name,
            models=self.settings.models,
            runtime=cast("Literal['auto', 'openvino', 'onnxruntime']", self.settings.runtime),
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
        live = self.catalog.models.live()
        if live is None:
            raise LibraryMissing("nothing was indexed here yet: run `lookalike index FOLDER` first")
        return live

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

    def _open_live(self, model: LiveModel) -> Encoder:
        """The model that the catalog says is live: the one that is open already, where it is the same."""
        with self._opening:
            if "encoder" in self.__dict__ and self.encoder.fingerprint == model.fingerprint:
                return self.encoder
            encoder = self.open_exactly(model)
            if self._model is None:
                self._move_to(encoder)
            return encoder

    def _move_to(self, encoder: Encoder) -> None:
        """Another model became live: uploads follow the searches. The old one is freed when its last use has ended."""
        if "encoder" in self.__dict__:
            self.encoder = encoder
        if "publisher" in self.__dict__:
            self.publisher.use(encoder)
        if "indexer" in self.__dict__:
            self.indexer.use(encoder)

    def open_exactly(self, model: LiveModel, *, mode: Mode | None = None) -> Encoder:
        """Open a model by name, if it is still the one that made the vectors.

        Raises:
            LibraryOutdated: the same model made them, in an earlier version of lookalike.
            VectorsRefused: the one on this machine is another.
            ModelMissing: it is not on this machine.
        """
        encoder = self.open_model(model.name, mode=mode)
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


def _close(encoder: "weakref.ref[Encoder]") -> None:
    opened = encoder()
    if opened is not None:
        opened.close()


@contextmanager
def open_library(
    settings: Settings, *, create: bool = False, mode: Mode = "latency", model: str | None = None
) -> Iterator[Library]:
    """A library for as long as the `with` lasts.

    Args:
        settings: which one, and how.
        create: make the folder if there is none.
        mode: what the model is opened for.
        model: the model to index with, when it should not be the live one.

    Raises:
        LibraryMissing: there is none, and `create` was not asked for.
        StorageFailed: the folder cannot be made.
    """
    folder = settings.library
    if create:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise StorageFailed(f"{folder}: the library's folder cannot be made: {fault.strerror}") from None
    elif not settings.catalog_url and not (folder / "catalog.sqlite").exists():
        raise LibraryMissing(
            f"there is no library in {folder}: make one with `lookalike index FOLDER`,"
            " or name another with --library DIR or LOOKALIKE_LIBRARY"
        )
    _provide_temporary_folder(folder)
    library = Library(settings, mode=mode, model=model)
    try:
        yield library
    finally:
        library.close()


def _provide_temporary_folder(library: Path) -> None:
    """Let temporary files, such as large uploads, go into the library where the machine has no other place for them."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        tempfile.tempdir = str(library.absolute())


def image_limits(settings: Settings) -> Limits:
    """The limits for images that the settings name."""
    return Limits(
        max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels, max_side=settings.max_image_side
    )


def serving_settings(settings: Settings, *, workers: int) -> "ServingSettings":
    """How the API is reached and what it refuses.

    Args:
        settings: as set.
        workers: queries the model takes at once, where the settings leave it open.
    """
    from lookalike.serving import ServingSettings  # noqa: PLC0415 - as above

    return ServingSettings(
        host=settings.host,
        port=settings.port,
        thumbnails=settings.thumbnails,
        thumbnail_bytes=settings.thumbnail_bytes,
        workers=settings.max_concurrent_queries or workers,
        max_waiting=settings.max_waiting_queries,
        max_body_bytes=settings.max_image_bytes + 1024 * 1024,
        admin_token=settings.admin_token or None,
        allowed_hosts=_listed(settings.allowed_hosts),
        root_path=settings.root_path,
        trusted_proxies=_listed(settings.trusted_proxies),
        keep_alive_seconds=settings.keep_alive_seconds,
        picture_limits=image_limits(settings),
        recall_seconds=60.0 * settings.measure_recall_minutes or None,
        retention=timedelta(days=settings.keep_queries_days) if settings.keep_queries_days else None,
    )


def _listed(text: str) -> tuple[str, ...]:
    """What a setting names, between commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
