"""The end of a run over folders: what is gone is forgotten, what is only missing is kept and said."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lookalike.catalog import Catalog, SourceFile
from lookalike.indexing.comparison import Comparison
from lookalike.indexing.folders import is_gone
from lookalike.indexing.missing import Absence, device_of, in_groups
from lookalike.indexing.report import IndexReport

_AT_ONCE = 100  # paths a transaction, some 50 ms: clicks and searches are written between two of them


@dataclass(slots=True, kw_only=True)
class Settling:
    """Brings the catalog's paths up to date after files were read.

    Attributes:
        catalog: where paths are kept.
        comparisons: of every folder of the run.
        on_request: somebody said that what is missing is to be forgotten.
        present: ids of the images that are under the folders now.
        new_places: how many paths an image was found at in this run where no file was known before, by id.
        report: counts what is done.
    """

    catalog: Catalog
    comparisons: Sequence[Comparison]
    on_request: bool
    present: set[str]
    new_places: Counter[str]
    report: IndexReport
    _here: set[str] = field(default_factory=set, init=False)
    _gone: dict[str, str | None] = field(default_factory=dict, init=False)
    _kept: dict[str, tuple[str, str]] = field(default_factory=dict, init=False)

    def settle(self) -> None:
        """Forget paths of files that were deleted or moved, and record which others are missing."""
        self._here = {file.path for comparison in self.comparisons for file in comparison.found.files}
        for comparison in self.comparisons:
            self._judge(comparison)
        self._forget_dead_paths_elsewhere()
        for paths in _pieces(self._gone):
            self.catalog.sources.forget(paths)
        for paths in _pieces(self._kept):
            self.catalog.sources.note_missing(paths)
        self._count()
        self._record_folders()

    def _judge(self, comparison: Comparison) -> None:
        """Divide what was not found into deleted, moved, missing, and left out by rules."""
        absence = Absence(comparison.root, comparison.found, comparison.known, on_request=self.on_request)
        kept: dict[str, tuple[str, str]] = {}
        for path, state in comparison.known.items():
            if path in self._here or path in self._gone:
                continue
            if absence.is_deleted(path, state):
                self._gone[path] = state.image_id
            elif (reason := absence.kept_because(path, state)) is not None:
                kept[path] = reason
            else:
                self.report.outside_rules += not state.deleted
        self._gone |= self._moved_away(comparison, kept)
        self._kept |= {path: reason for path, reason in kept.items() if path not in self._gone}

    def _moved_away(self, comparison: Comparison, kept: Iterable[str]) -> dict[str, str | None]:
        """Of paths whose folder is empty or gone: those whose image is at another path that is there."""
        ids = {path: comparison.known[path].image_id for path in kept if is_gone(path)}
        elsewhere = self.catalog.sources.files_of([i for i in ids.values() if i is not None and i not in self.present])
        found = self.present | {
            image_id
            for image_id, files in elsewhere.items()
            if any(file.path not in ids and os.path.exists(file.path) for file in files)  # noqa: PTH110
        }
        return {
            path: image_id
            for path, image_id in ids.items()
            if image_id in found and _on_the_same_device(path, comparison.known[path].device)
        }

    def _forget_dead_paths_elsewhere(self) -> None:
        """A folder was renamed, and is indexed by its new name: its images are not called by the old one any more."""
        for comparison in self.comparisons:
            for file, image_id in self.catalog.sources.copies_elsewhere(comparison.root):
                seen = file.path in self._here or file.path in self._gone or file.path in self._kept
                if not seen and image_id in self.present and self._is_dead(file):
                    self._gone[file.path] = image_id

    @staticmethod
    def _is_dead(file: SourceFile) -> bool:
        return is_gone(file.path) and _on_the_same_device(file.path, file.device)

    def _count(self) -> None:
        for image_id in self._gone.values():
            if image_id is not None and self.new_places[image_id] > 0:
                self.new_places[image_id] -= 1
                self.report.moved += 1
                self.report.known_again -= 1
            else:
                self.report.removed += 1
        self.report.missing = in_groups(self._kept)

    def _record_folders(self) -> None:
        there = [comparison.root for comparison in self.comparisons if comparison.there]
        self.catalog.folders.record_runs(there)
        if self._gone:
            names = [name for name in self.catalog.folders.names() if not os.path.lexists(name)]
            self.catalog.folders.remove([name for name in names if not self.catalog.sources.below(name)])


def _on_the_same_device(path: str, device: int | None) -> bool:
    """Whether the nearest folder that is there is on the device where the file was: no disk went away with it."""
    return device is None or device_of(path) == device


def _pieces(paths: Iterable[str]) -> Iterable[list[str]]:
    everything = list(paths)
    for start in range(0, len(everything), _AT_ONCE):
        yield everything[start : start + _AT_ONCE]
