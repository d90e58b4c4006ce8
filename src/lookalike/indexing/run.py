"""One run over folders: compare, read and embed, store, forget, fill gaps."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from lookalike.catalog import AdditionResult, Catalog, ImageAddition, LiveModel, SourceFailure, SourceFile
from lookalike.columns import IMAGE_ROW
from lookalike.distributed import Runner
from lookalike.embedding import PictureEncoder
from lookalike.errors import ImageRefused, UnknownImage
from lookalike.indexing.batching import batched_by
from lookalike.indexing.blocking import blocked_where_listed
from lookalike.indexing.comparison import Comparison, compare
from lookalike.indexing.folders import Found, source_file
from lookalike.indexing.moderating import Moderator
from lookalike.indexing.options import USUAL, IndexOptions
from lookalike.indexing.reading import Described, describe, refused_under
from lookalike.indexing.report import IndexReport, Refusal, Skipped
from lookalike.indexing.run_reader import RunReader
from lookalike.indexing.selection import Selection
from lookalike.indexing.settling import Settling
from lookalike.progress import Progress
from lookalike.regular_files import read_regular
from lookalike.types import Image

Given = TypeVar("Given")
Made = TypeVar("Made")

_BATCH = 64  # images a transaction
_NOTED_AT_ONCE = 500  # files a transaction: clicks and searches are written between two of them
_BATCH_SECONDS = 2.0  # or what came in so long, so that slow models acknowledge too


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderRun:
    """Makes a catalog hold exactly what is under some folders, beside what came from elsewhere.

    Attributes:
        catalog: where images go.
        pictures: decodes and embeds.
        model: that it embeds with.
        runner: reads many files at once.
        progress: is told what happens.
        options: how it treats what it meets.
        moderator: looks at new images; None where nobody does.
        report: filled while it runs.
        tried: ids of images without a vector; one that cannot be read any more is not tried twice.
        present: ids of the images that are under the folders now.
        new_places: how many paths an image was found at where no file was known before, by id.
        known_before: the image that was at each path that is read.
        refused_before: paths that are read whose bytes were no image at the last try.
    """

    catalog: Catalog
    pictures: PictureEncoder
    model: LiveModel
    runner: Runner
    progress: Progress
    options: IndexOptions = USUAL
    moderator: Moderator | None = None
    report: IndexReport = field(default_factory=IndexReport)
    tried: set[str] = field(default_factory=set, init=False)
    present: set[str] = field(default_factory=set, init=False)
    new_places: Counter[str] = field(default_factory=Counter, init=False)
    known_before: dict[str, str | None] = field(default_factory=dict, init=False)
    refused_before: set[str] = field(default_factory=set, init=False)

    def follow(self, roots: Sequence[Path], *, library: Path | None) -> None:
        """Add what is new or changed under the roots, and forget what was deleted from them.

        Raises:
            CallerError: there is nothing at a root, and nothing known of it; nothing was changed.
        """
        self.progress.stage("Looking for images")
        comparisons = self._compare(roots, library)
        to_read = self._what_to_read(comparisons)
        self.progress.stage("Indexing images", len(to_read))
        reader = RunReader(self.catalog, self.pictures, self.moderator)
        for batch in self._in_batches(partial(self._read, reader), list(to_read.values())):
            self._store(batch, reader)
        self._settle(comparisons)

    def _what_to_read(self, comparisons: Sequence[Comparison]) -> dict[str, SourceFile]:
        """Files by path; what was at these paths before is kept in mind, and what looks otherwise is noted."""
        to_read = {file.path: file for comparison in comparisons for file in comparison.to_read}
        for comparison in comparisons:
            before = {path: comparison.known[path] for path in to_read.keys() & comparison.known}
            self.known_before.update((path, state.image_id) for path, state in before.items())
            self.refused_before.update(path for path, state in before.items() if state.refused_under is not None)
            for files in _pieces(comparison.to_note):
                self.catalog.sources.note_unchanged(files)
        return to_read

    def _settle(self, comparisons: Sequence[Comparison]) -> None:
        for comparison in comparisons:
            read = {file.path for file in comparison.to_read}  # what was read successfully is noted as it is stored
            unread = [file.path for file in comparison.found.files if file.path not in read]
            ids = (comparison.known[path].image_id for path in unread)
            self.present.update(image_id for image_id in ids if image_id is not None)
        Settling(
            catalog=self.catalog,
            comparisons=comparisons,
            on_request=self.options.forget_missing,
            present=self.present,
            new_places=self.new_places,
            report=self.report,
        ).settle()

    def fill_gaps(self) -> None:
        """Describe readable images that have no vector of this model: after a crash, or for a new model.

        Likewise those of which an earlier version kept less than is kept now.

        It looks again from the start until there is nothing left: uploads by a service that still runs another model
        may come in meanwhile, with any id.
        """
        while self._fill_gaps_once():
            pass

    def _fill_gaps_once(self) -> bool:
        after, found_some = "", False
        while images := self._undescribed(after):
            after = images[-1].id
            images = [image for image in images if image.id not in self.tried]
            if images:
                self.progress.stage("Embedding known images", len(images))
            for batch in self._in_batches(self._describe, images):
                self._store_vectors(batch)
            self.tried.update(image.id for image in images)
            found_some = found_some or bool(images)
        return found_some

    def _compare(self, roots: Sequence[Path], library: Path | None) -> list[Comparison]:
        """What is under each root beside what is known of it, counted in the report."""
        selection = Selection(
            exclude=self.options.exclude,
            include=self.options.include,
            forgotten=frozenset(self.catalog.folders.forgotten()),
            library=library,
        )
        comparisons = [
            compare(
                self.catalog, root, selection, options=self.options, refused_under=refused_under(self.pictures.limits)
            )
            for root in dict.fromkeys(roots)
        ]
        found = {file.path for comparison in comparisons for file in comparison.found.files}
        to_read = {file.path for comparison in comparisons for file in comparison.to_read}
        states = {path: state for comparison in comparisons for path, state in comparison.known.items()}
        left_out = sum(states[path].deleted for path in found - to_read)
        self.report.found = len(found)
        self.report.unchanged = len(found) - len(to_read) - left_out
        self.report.left_out = left_out
        self._count_others([comparison.found for comparison in comparisons])
        return comparisons

    def _count_others(self, walks: Sequence[Found]) -> None:
        """What the walks did not take, with the reasons."""
        unreadable = {path: reason for found in walks for path, reason in found.unreadable.items()}
        self.report.unreadable_folders = [Refusal(path, reason) for path, reason in unreadable.items()]
        self.report.notes = [note for found in walks for note in found.notes]
        skipped = sum((found.skipped for found in walks), Counter[tuple[str, str]]())
        self.report.skipped = [
            Skipped(reason=reason, suffix=suffix, count=count) for (reason, suffix), count in sorted(skipped.items())
        ]

    def _read(self, reader: RunReader, file: SourceFile) -> ImageAddition | SourceFailure:
        """Read, decode and embed one file: the work of a thread."""
        try:
            content, status = read_regular(Path(file.path), most=self.pictures.limits.max_bytes)
        except OSError as fault:
            return SourceFailure(
                path=file.path,
                byte_count=file.byte_count,
                modified_ns=file.modified_ns,
                error=fault.strerror or str(fault),
            )
        source = source_file(file.path, status)
        return reader.addition(content, name=file.path, source=source, restore=self.options.restore)

    def _undescribed(self, after: str) -> list[Image]:
        return self.catalog.vectors.images_without(self.model.fingerprint, limit=10_000, after=after, or_columns=True)

    def _describe(self, image: Image) -> tuple[Image, Described | Refusal | None]:
        """Read, decode and embed one image that the catalog knows: the work of a thread."""
        name = image.source or image.id
        try:
            return image, describe(self.pictures, self.catalog.images.content(image.id), name=name)
        except ImageRefused as refused:
            return image, Refusal(name, refused.message)
        except UnknownImage:
            return image, None  # deleted since the list was read

    def _store_vectors(self, batch: Sequence[tuple[Image, Described | Refusal | None]]) -> None:
        made = [(image.id, described) for image, described in batch if isinstance(described, Described)]
        if made:
            vectors = np.stack([described.vector for _, described in made])
            columns = np.array([described.columns for _, described in made], IMAGE_ROW)
            self.catalog.vectors.add(self.model.fingerprint, [image_id for image_id, _ in made], vectors, columns)
        self.report.embedded += len(made)
        for _, refusal in batch:
            if isinstance(refusal, Refusal):
                self._refuse(refusal.path, refusal.reason)
        self.progress.advance(len(batch))

    def _store(self, batch: Sequence[ImageAddition | SourceFailure], reader: RunReader) -> None:
        failures = [read for read in batch if isinstance(read, SourceFailure)]
        additions = blocked_where_listed(self.catalog, [read for read in batch if isinstance(read, ImageAddition)])
        if failures:
            self.catalog.sources.record_failures(failures)
        for failure in failures:
            self._refuse(failure.path, failure.error)
        results = self.catalog.images.add(additions) if additions else []
        reader.release([addition.content_id for addition in additions])
        for addition, result in zip(additions, results, strict=True):
            if result is AdditionResult.LEFT_OUT:
                self.report.left_out += 1
            else:
                self._count(addition, result)
        self.progress.advance(len(batch))

    def _count(self, addition: ImageAddition, result: AdditionResult) -> None:
        path = addition.source.path if addition.source else addition.content_id
        before = self.known_before.get(path)
        self.present.add(addition.content_id)
        self.report.embedded += addition.vector is not None
        if addition.error is not None:
            self._refuse(path, addition.error)
            return
        known = result is AdditionResult.KNOWN
        self.report.returned += result is AdditionResult.RETURNED
        self.report.added += result is AdditionResult.NEW
        if path in self.refused_before and known:
            self.report.added += 1
        elif before == addition.content_id and known:
            self.report.unchanged += 1
        elif known:
            self.report.known_again += 1
            self.new_places[addition.content_id] += before is None
        self.progress.note(f"stored {addition.content_id} {path}")

    def _refuse(self, path: str, reason: str) -> None:
        self.report.refused.append(Refusal(path, reason))
        self.progress.note(f"refused {path}: {reason}")

    def _in_batches(self, work: Callable[[Given], Made], given: Sequence[Given]) -> Iterator[list[Made]]:
        return batched_by(_BATCH, self.runner.map(work, given), seconds=_BATCH_SECONDS, now=time.monotonic)


def _pieces(files: Sequence[SourceFile]) -> Iterator[Sequence[SourceFile]]:
    for start in range(0, len(files), _NOTED_AT_ONCE):
        yield files[start : start + _NOTED_AT_ONCE]
