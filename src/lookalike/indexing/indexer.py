"""Folders and uploads into the catalog, with their vectors."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lookalike.catalog import KEEP_REMOVED, AdditionResult, Catalog, LiveModel, display_name
from lookalike.distributed import ThreadRunner
from lookalike.embedding import Encoder, LiveModelFollower, PictureEncoder
from lookalike.errors import DependencyMissing, LibraryBusy
from lookalike.indexing.blocking import blocked_where_listed
from lookalike.indexing.keypoints import KeypointRun, keep_keypoints
from lookalike.indexing.locking import alone
from lookalike.indexing.moderating import Moderator, moderated
from lookalike.indexing.options import USUAL, IndexOptions
from lookalike.indexing.publishing import Publisher
from lookalike.indexing.reading import embedded_addition
from lookalike.indexing.report import IndexReport
from lookalike.indexing.run import FolderRun
from lookalike.preprocessing import Limits, Preparer, prepare
from lookalike.progress import Progress, Silent
from lookalike.types import Image, Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class _Using:
    """A model, and what decodes for it and embeds with it."""

    model: LiveModel
    pictures: PictureEncoder


class Indexer:
    """Brings a library up to date with folders, and takes uploads.

    What `Progress.note` was told is stored, and what `add_upload` returned, is on disk with its vector.

    Args:
        catalog: where images go.
        encoder: the model to embed with, opened; asked for when it is needed.
        publisher: publishes snapshots when they are due.
        lock: a file; only one process at a time indexes folders into a library.
        leave_out: a folder not to look into: the library itself.
        limits: for images.
        decoding: what prepares them.
        workers: threads that decode and embed; None for one more than the model runs at once.
        live: the model that is live, opened, for uploads; None refuses them where it is not the one to embed with.
        keep_removed: how long images whose files are gone, and uploaded bytes without a record, stay in the bin.
        moderator: looks at new images; asked for when it is needed.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        encoder: Callable[[], Encoder],
        publisher: Publisher,
        lock: Path,
        leave_out: Path | None = None,
        limits: Limits | None = None,
        decoding: Preparer = prepare,
        workers: int | None = None,
        live: LiveModelFollower | None = None,
        keep_removed: timedelta = KEEP_REMOVED,
        moderator: Callable[[], Moderator | None] = lambda: None,
    ) -> None:
        self._catalog = catalog
        self._publisher = publisher
        self._lock = lock
        self._leave_out = leave_out
        self._workers = workers
        self._limits = limits or Limits()
        self._decoding = decoding
        self._encoder = encoder
        self._live = live
        self._keep_removed = keep_removed
        self._moderator = moderator
        self._latest: _Using | None = None

    @property
    def model(self) -> LiveModel:
        """The model it embeds with."""
        return self._using(self._encoder()).model

    def _using(self, encoder: Encoder) -> _Using:
        """What decodes for that model, shared by uploads at the same time; what began with another ends with it."""
        latest = self._latest
        if latest is None or latest.pictures.encoder is not encoder:
            model = LiveModel(name=encoder.name, fingerprint=encoder.fingerprint, dimension=encoder.dimension)
            pictures = PictureEncoder(encoder=encoder, limits=self._limits, decoding=self._decoding)
            self._latest = latest = _Using(model=model, pictures=pictures)
        return latest

    def index(
        self, roots: Sequence[Path], *, progress: Progress | None = None, options: IndexOptions = USUAL
    ) -> IndexReport:
        """Make the library hold what is under these folders now, beside what came from elsewhere.

        Files that were deleted are forgotten, and images that are nowhere else go to the bin. Where a whole folder that
        held images is empty, gone or unreadable nothing is forgotten, unless the options say so: `IndexReport.missing`.

        Args:
            roots: folders and files.
            progress: is told what happens.
            options: how to treat what is met.

        Returns:
            What was found and done. Ctrl-C ends the run early and is reported, not raised.

        Raises:
            CallerError: a root does not exist and nothing is known of it, or a pattern is none; nothing was changed.
            LibraryBusy: another process is indexing into this library; nothing was changed.
            StorageFailed: the disk is full; what was reported as stored is safe, and the next run goes on from there.
        """
        run = self._run(progress=progress, options=options)
        started = time.monotonic()
        with alone(self._lock):
            try:
                self._bring_up_to_date(run, roots)
            except KeyboardInterrupt:
                run.report.interrupted = True
        run.report.seconds = time.monotonic() - started
        return run.report

    def add_upload(
        self,
        content: bytes,
        *,
        name: str,
        owner_id: str | None = None,
        tags: Sequence[str] = (),
        visibility: Visibility = Visibility.PUBLIC,
        untrusted: bool = False,
    ) -> tuple[Image, bool]:
        """Store one image with its vector.

        Args:
            content: the file's bytes.
            name: what the file is called: for messages, and to be shown beside the image.
            owner_id: whom it belongs to.
            tags: in this order.
            visibility: of a new image; one that is there keeps its own.
            untrusted: a new image waits for review where moderation is set up so.

        Returns:
            The catalog's record, and whether the image is new (or was deleted and came back).

        Raises:
            ImageRefused: the bytes are not an image we accept; nothing was stored.
            StorageFailed: the disk is full or failing.
            LibraryBusy: another model became live since, and this indexer was not told how to open it.
        """
        self.claim_library()
        using = self._using_live()
        upload_name = display_name(name)
        addition = embedded_addition(
            using.pictures,
            content,
            name=upload_name or "image",
            upload=content,
            upload_name=upload_name,
            owner_id=owner_id,
            tags=tuple(tags),
            visibility=visibility,
            restore=True,
        )
        addition = moderated(self._moderator(), addition, content, name=name, untrusted=untrusted)
        result = self._catalog.images.add(blocked_where_listed(self._catalog, [addition]))[0]
        if self._catalog.models.live() != using.model:  # it changed just now: the new one has to find this image too
            using = self._using_live()
            vector = using.pictures.vector(content, name=name)
            self._catalog.vectors.add(using.model.fingerprint, [addition.content_id], vector[None])
        keep_keypoints(self._catalog, addition.content_id, content, limits=self._limits)
        self._publisher.publish_soon(using.model)
        return self._catalog.images.get(addition.content_id), result is not AdditionResult.KNOWN

    def publish_if_late(self) -> None:
        """Publish in the background if the live model's index is far behind, or not of this catalog.

        For services, from time to time: a catalog put back from a backup gets its index without an upload.
        """
        live = self._catalog.models.live()
        if live is not None:
            self._publisher.publish_soon(live)
            if self._latest is not None and self._latest.model != live:
                self._latest = None  # nothing else need hold the model that answered before

    def embed_known(self, *, progress: Progress | None = None) -> IndexReport:
        """Give every readable image of the catalog a vector of this model, without making the model live.

        Images that have one are not read; after Ctrl-C or a crash, the next run goes on from there.

        Raises:
            LibraryBusy: another process is indexing into this library.
            StorageFailed: the disk is full; what was stored is safe.
        """
        run = self._run(progress=progress)
        started = time.monotonic()
        with alone(self._lock):
            run.fill_gaps()
        run.report.seconds = time.monotonic() - started
        return run.report

    def take_over(self, *, because: str, progress: Progress | None = None) -> IndexReport:
        """Make this model the one that answers, without a moment in which nothing or two models do.

        Before the switch every image has a vector of this model and an index of them is published; images that come
        in meanwhile, by a service that still runs the other model, are embedded again right after it. The vectors and
        indexes of the other model stay, so that it can take over again.

        Args:
            because: why, for the library's history.
            progress: is told what happens.

        Raises:
            LibraryBusy: another process is indexing into this library; nothing was changed.
            StorageFailed: the disk is full; the other model still answers.
        """
        run = self._run(progress=progress)
        started = time.monotonic()
        with alone(self._lock):
            run.fill_gaps()
            self._publish_and_switch(run, because)
        run.report.seconds = time.monotonic() - started
        return run.report

    def _bring_up_to_date(self, run: FolderRun, roots: Sequence[Path]) -> None:
        self.claim_library()
        run.follow(roots, library=self._leave_out)
        run.fill_gaps()
        _fill_keypoints(run, limits=self._limits)
        self._catalog.recycle_bin.empty(older_than=datetime.now(UTC) - self._keep_removed)
        self._catalog.uploads.collect_orphans(keep=self._keep_removed)
        self._publish_and_switch(run, "indexed with it")

    def _publish_and_switch(self, run: FolderRun, because: str) -> None:
        run.progress.stage("Publishing the index")
        published = self._publisher.publish_if_due(run.model)
        run.report.snapshot = published.manifest.number if published else None
        if self._catalog.models.live() != run.model:
            run.fill_gaps()  # what came in while the index was built
            self._catalog.models.set_live(run.model, because=because)
            run.fill_gaps()  # uploads of the last moments, by a service that ran the model before

    def _run(self, *, progress: Progress | None, options: IndexOptions = USUAL) -> FolderRun:
        using = self._using(self._encoder())
        return FolderRun(
            catalog=self._catalog,
            pictures=using.pictures,
            model=using.model,
            runner=ThreadRunner(self._workers or using.pictures.encoder.concurrency + 1),
            progress=progress or Silent(),
            options=options,
            moderator=self._moderator(),
        )

    def _using_live(self) -> _Using:
        """The model that is live, opened.

        Raises:
            LibraryBusy: it is another one, and there is no way to open it here.
        """
        if self._live is not None:
            return self._using(self._live.encoder())
        using = self._using(self._encoder())
        live = self._catalog.models.live()
        if live is not None and live != using.model:
            raise LibraryBusy(f"the library has moved to the model {live.name}: restart this service")
        return using

    def claim_library(self) -> None:
        """Make this model live if none is: a library can be searched while its first run goes on."""
        if self._catalog.models.live() is None:
            self._catalog.models.set_live(self.model, because="the first model")


def _fill_keypoints(run: FolderRun, *, limits: Limits) -> None:
    """Give new images keypoints, where others have some."""
    if not run.catalog.keypoints.are_kept():
        return
    filling = KeypointRun(catalog=run.catalog, limits=limits, runner=run.runner, progress=run.progress)
    try:
        filling.fill()
    except DependencyMissing as missing:
        run.report.notes.append(f"new images have no keypoints: {missing}")
