"""One run over folders: compare, read and embed, store, forget, fill gaps."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy import float32
from numpy.typing import NDArray

from lookalike.catalog import Catalog, ImageAddition, LiveModel, SourceFailure, SourceFile, SourceState
from lookalike.errors import ImageRefused, UnknownImage
from lookalike.indexing.folders import FoundFile, find_images, is_gone
from lookalike.indexing.pipeline import batched_by, in_order
from lookalike.indexing.reader import ImageReader
from lookalike.indexing.report import IndexReport, Progress, Refusal
from lookalike.types import Image

Given = TypeVar("Given")
Made = TypeVar("Made")

_BATCH = 64  # images a transaction
_BATCH_SECONDS = 2.0  # or what came in so long, so that slow models acknowledge too


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderRun:
    """Makes a catalog hold exactly what is under some folders, beside what came from elsewhere.

    Attributes:
        catalog: where images go.
        reader: decodes and embeds.
        model: that the reader embeds with.
        workers: threads that read.
        progress: is told what happens.
        restore: bring back images that were deleted on request, when their files are met.
        again: read files that were refused before, even if they did not change.
        report: filled while it runs.
        tried: ids of images without a vector; one that cannot be read any more is not tried twice.
    """

    catalog: Catalog
    reader: ImageReader
    model: LiveModel
    workers: int
    progress: Progress
    restore: bool
    again: bool
    report: IndexReport = field(default_factory=IndexReport)
    tried: set[str] = field(default_factory=set, init=False)

    def follow(self, roots: Sequence[Path], *, leave_out: Path | None) -> None:
        """Add what is new or changed under the roots, and forget what is gone from them."""
        self.progress.stage("Looking for images", None)
        self.reader.begin_run()
        to_read: dict[str, FoundFile] = {}
        gone: list[str] = []
        for root in roots:
            new, missing = self._compare(root, leave_out)
            to_read |= new
            gone += missing
        self.progress.stage("Indexing images", len(to_read))
        for batch in self._in_batches(self._read, list(to_read.values())):
            self._store(batch)
        if gone:
            self.catalog.forget_sources(gone)
        self.report.removed = len(gone)

    def fill_gaps(self) -> None:
        """Embed readable images that have no vector of this model: after a crash, or for a new model.

        It looks again from the start until there is nothing left: uploads by a service that still runs another model
        may come in meanwhile, with any id.
        """
        while self._fill_gaps_once():
            pass

    def _fill_gaps_once(self) -> bool:
        after, found_some = "", False
        while images := self.catalog.images_without_vectors(self.model.fingerprint, limit=10_000, after=after):
            after = images[-1].id
            images = [image for image in images if image.id not in self.tried]
            if images:
                self.progress.stage("Embedding known images", len(images))
            for batch in self._in_batches(self._embed, images):
                self._store_vectors(batch)
            self.tried.update(image.id for image in images)
            found_some = found_some or bool(images)
        return found_some

    def _compare(self, root: Path, leave_out: Path | None) -> tuple[dict[str, FoundFile], list[str]]:
        """The files to read under a root, and the known sources that are gone from it."""
        found = find_images(root, leave_out=leave_out)
        known = self.catalog.sources(os.path.abspath(root))  # noqa: PTH100 - resolve() would replace links
        if self.restore:
            known = {path: state for path, state in known.items() if not state.deleted}
        to_read = {file.path: file for file in found.files if not self._is_known(file, known.get(file.path))}
        here = {file.path for file in found.files}
        missing = [path for path in known if path not in here and not _is_below(path, found.unreadable)]
        gone = [path for path in missing if is_gone(path)]
        left_out = sum(known[path].deleted for path in here if path not in to_read)
        self.report.found += len(found.files)
        self.report.unchanged += len(found.files) - len(to_read) - left_out
        self.report.left_out += left_out
        self.report.other_files += found.other_files
        self.report.unreadable_folders += [Refusal(path, reason) for path, reason in found.unreadable.items()]
        return to_read, gone

    def _is_known(self, file: FoundFile, state: SourceState | None) -> bool:
        if state is None or (state.byte_count, state.modified_ns) != (file.byte_count, file.modified_ns):
            return False
        could_not_be_opened = state.image_id is None  # permissions change without changing the file
        return not could_not_be_opened and not (state.error and self.again)

    def _read(self, file: FoundFile) -> ImageAddition | SourceFailure:
        """Read, decode and embed one file: the work of a thread."""
        try:
            if file.byte_count > self.reader.limits.max_bytes:
                limit = self.reader.limits.max_bytes
                return _failure(file, f"{file.byte_count:,} bytes is above the limit of {limit:,} bytes")
            content = Path(file.path).read_bytes()
        except OSError as fault:
            return _failure(file, fault.strerror or str(fault))
        source = SourceFile(path=file.path, byte_count=file.byte_count, modified_ns=file.modified_ns)
        return self.reader.read_or_explain(content, name=file.path, source=source, restore=self.restore)

    def _embed(self, image: Image) -> tuple[Image, NDArray[float32] | Refusal | None]:
        """Read, decode and embed one image that the catalog knows: the work of a thread."""
        name = image.source or image.id
        try:
            return image, self.reader.embed(self.catalog.content(image.id), name=name)
        except ImageRefused as refused:
            return image, Refusal(name, refused.message)
        except UnknownImage:
            return image, None  # deleted since the list was read

    def _store_vectors(self, batch: Sequence[tuple[Image, NDArray[float32] | Refusal | None]]) -> None:
        made = [(image, vector) for image, vector in batch if isinstance(vector, np.ndarray)]
        if made:
            vectors = np.stack([vector for _, vector in made])
            self.catalog.add_vectors(self.model.fingerprint, [image.id for image, _ in made], vectors)
        self.report.embedded += len(made)
        for _, refusal in batch:
            if isinstance(refusal, Refusal):
                self._refuse(refusal.path, refusal.reason)
        self.progress.advance(len(batch))

    def _store(self, batch: Sequence[ImageAddition | SourceFailure]) -> None:
        failures = [read for read in batch if isinstance(read, SourceFailure)]
        additions = [read for read in batch if isinstance(read, ImageAddition)]
        if failures:
            self.catalog.record_source_failures(failures)
        for failure in failures:
            self._refuse(failure.path, failure.error)
        created = self.catalog.add_images(additions) if additions else []
        self.reader.forget([addition.content_id for addition in additions])
        known = [addition.content_id for addition, new in zip(additions, created, strict=True) if not new]
        live = self.catalog.images(known).keys() if known else set()
        for addition, new in zip(additions, created, strict=True):
            self._count(addition, new=new, left_out=not new and addition.content_id not in live)
        self.progress.advance(len(batch))

    def _count(self, addition: ImageAddition, *, new: bool, left_out: bool) -> None:
        path = addition.source.path if addition.source else addition.content_id
        if left_out:
            self.report.left_out += 1
            return
        self.report.embedded += addition.vector is not None
        if addition.error is not None:
            self._refuse(path, addition.error)
            return
        self.report.added += new
        self.report.known_again += not new
        self.progress.stored(path, addition.content_id)

    def _refuse(self, path: str, reason: str) -> None:
        self.report.refused.append(Refusal(path, reason))
        self.progress.refused(self.report.refused[-1])

    def _in_batches(self, work: Callable[[Given], Made], given: Sequence[Given]) -> Iterator[list[Made]]:
        made = in_order(work, given, workers=self.workers)
        return batched_by(_BATCH, made, seconds=_BATCH_SECONDS, now=time.monotonic)


def _failure(file: FoundFile, reason: str) -> SourceFailure:
    return SourceFailure(path=file.path, byte_count=file.byte_count, modified_ns=file.modified_ns, error=reason)


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(folder + os.sep) for folder in folders)
