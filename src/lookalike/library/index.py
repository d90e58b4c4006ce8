"""Making a library hold what is in folders now."""

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from lookalike.indexing import IndexOptions, IndexReport
from lookalike.indexing.options import USUAL
from lookalike.library.notebook import notes_html, table_html
from lookalike.library.parts import LibraryParts
from lookalike.library.places import no_such_path
from lookalike.progress import Progress
from lookalike.snapshot import LiveRecall, live_recall


@dataclass(frozen=True, kw_only=True)
class IndexRequest:
    """What to index, and how.

    Attributes:
        paths: folders and image files; none for all that were indexed by name before.
        model: the model to embed with; another one than before takes its place. None for the one that answers, or for
            the setting `model` in a new library.
        options: which files are taken, and what becomes of missing ones.
        measure_recall: whether to measure afterwards how many of the true nearest neighbours the index finds.
    """

    paths: Sequence[Path]
    model: str | None = None
    options: IndexOptions = USUAL
    measure_recall: bool = False


@dataclass(frozen=True, kw_only=True)
class IndexResult:
    """What an index run did.

    Attributes:
        report: counts, refused files, and what is missing.
        live_recall: None unless it was asked for, and while there is no index.
        warnings: what people should know besides.
    """

    report: IndexReport
    live_recall: LiveRecall | None = None
    warnings: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        report = self.report
        counts = {
            "added": report.added,
            "unchanged": report.unchanged,
            "gone": report.removed,
            "refused": len(report.refused),
            "missing": sum(group.images for group in report.missing),
        }
        rows = [(name, f"{count:,}") for name, count in counts.items() if count or name == "added"]
        return str(notes_html(self.warnings) + table_html(("images", ""), rows))


def index(library: LibraryParts, request: IndexRequest, progress: Progress) -> IndexResult:
    """Add new and changed images under the paths, and forget those whose files are gone.

    Ctrl-C ends the run early; `IndexReport.interrupted` says so, and the next run goes on from there.

    Raises:
        CallerError: a path does not exist and nothing is known of it, or a pattern is invalid; nothing was changed.
        LibraryBusy: another process is indexing into this library; nothing was changed.
        UnknownModel, ModelMissing: the model is not on this machine.
        StorageFailed: the disk is full; what was reported as stored is safe.
    """
    for path in request.paths:
        _require_known(library, path)
    paths = request.paths or [Path(path) for path in library.catalog.folders.names()]
    with closing(library.open_for_indexing(request.model)) as encoder:
        outdated = library.is_outdated(encoder)
        report = library.indexer_for(encoder).index(paths, progress=progress, options=request.options)
    measured = None
    if request.measure_recall and not report.interrupted:
        progress.stage("Measuring recall", None)
        measured = live_recall(library.catalog, library.settings.snapshots)
    warnings = ["An earlier version of lookalike made this library's vectors: all were made again."] * outdated
    return IndexResult(report=report, live_recall=measured, warnings=tuple(warnings))


def _require_known(library: LibraryParts, path: Path) -> None:
    """A path that does not exist is an unplugged disk if the library knows files there, and mistyped otherwise."""
    if not os.path.lexists(path) and not library.catalog.sources.below(os.path.abspath(path)):  # noqa: PTH100 - links stay
        raise no_such_path(path)
