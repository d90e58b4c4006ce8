"""Files that were indexed and are not found now: deleted by their owner, or out of reach for a while?

A single file that is gone from a folder that still holds images was deleted. Where a whole folder is empty or gone, a
disk or a share may not be mounted: nothing is forgotten then unless somebody says so.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from lookalike.catalog import SourceState
from lookalike.indexing.folders import Found, is_gone, same_letters
from lookalike.indexing.report import MissingFiles

EMPTY = "holds no images any more"
NOT_THERE = "is not there"
DEAD_LINK = "is a link that leads nowhere"
OTHER_DEVICE = "is on another device than before, and none of its files are there"


class Absence:
    """Decides about files of one folder that a walk did not find.

    Args:
        root: the folder, absolute.
        found: what the walk saw.
        known: what the catalog knows at and below the root.
        on_request: somebody said that what is missing is to be forgotten.
    """

    def __init__(self, root: str, found: Found, known: Mapping[str, SourceState], *, on_request: bool) -> None:
        self._root = root
        self._found = found
        self._on_request = on_request
        self._witness: dict[str, str] = {}
        self._known_witness: set[str] = set()
        here = {file.path for file in found.files}
        left_out = [path for path in known if path not in here and os.path.isfile(path)]  # noqa: PTH113 - may be many
        for path in [*here, *left_out]:
            self._take_witness(path, is_known=path in known)
        self._letters = {same_letters(file.path): file.path for file in found.files}
        self._verdicts: dict[str, tuple[str, str] | None] = {}

    def _take_witness(self, path: str, *, is_known: bool) -> None:
        """A file that is there speaks for every folder above it."""
        for folder in self._folders_above(path):
            if folder in self._witness and (not is_known or folder in self._known_witness):
                return
            self._witness.setdefault(folder, path)
            if is_known:
                self._known_witness.add(folder)

    def is_deleted(self, path: str, state: SourceState) -> bool:
        """Whether to forget a path that was not found; otherwise `kept_because` says why not, if there is a reason."""
        if self._is_renamed_by_case(path):
            return True
        if not is_gone(path, behind_links=self._on_request):
            return False
        return self._on_request or self.kept_because(path, state) is None

    def kept_because(self, path: str, state: SourceState) -> tuple[str, str] | None:
        """(folder, what is the matter with it) where a path is missing for more than being deleted."""
        for above in (path, *self._folders_above(path)):
            if above in self._found.unreadable:
                return above, f"cannot be read: {self._found.unreadable[above]}"
        if os.path.exists(path):  # noqa: PTH110 - these paths may be many
            return None
        folder = os.path.dirname(path) if path != self._root else path  # noqa: PTH120
        if folder not in self._verdicts:
            self._verdicts[folder] = self._verdict(folder, state)
        return self._verdicts[folder]

    def _verdict(self, folder: str, state: SourceState) -> tuple[str, str] | None:
        if self._holds_images(folder):
            moved = state.device is not None and folder not in self._known_witness and device_of(folder) != state.device
            return (folder, OTHER_DEVICE) if moved else None
        while folder != self._root and not self._holds_images(os.path.dirname(folder)):  # noqa: PTH120
            folder = os.path.dirname(folder)  # noqa: PTH120
        return folder, what_is_wrong(folder)

    def _holds_images(self, folder: str) -> bool:
        """A walk found some below it, and they are still there: a share may go away in the middle of a run."""
        return folder in self._witness and os.path.exists(self._witness[folder])  # noqa: PTH110

    def _is_renamed_by_case(self, path: str) -> bool:
        """Where `A.jpg` and `a.jpg` are one file, the old name still leads to it."""
        other = self._letters.get(same_letters(path))
        try:
            return other is not None and os.path.samefile(other, path)  # noqa: PTH121
        except OSError:
            return False

    def _folders_above(self, path: str) -> list[str]:
        """The folders on the way from a path up to the root, which is the last."""
        folders = []
        while path != self._root and len(path) > len(self._root):
            path = os.path.dirname(path)  # noqa: PTH120
            folders.append(path)
        return folders


def what_is_wrong(folder: str) -> str:
    """Why nothing is found in a folder that held images."""
    path = Path(folder)
    if path.is_symlink() and not path.exists():
        return DEAD_LINK
    return EMPTY if path.exists() else NOT_THERE


def is_there(path: str) -> bool:
    """Whether a path that was indexed can be found now, so far as can be told."""
    return os.path.exists(path)  # noqa: PTH110 - paths are text here


def device_of(path: str) -> int | None:
    """The device of a path, or of the nearest folder above it that is there."""
    while True:
        try:
            return os.stat(path).st_dev  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            path = os.path.dirname(path)  # noqa: PTH120
        except OSError:
            return None


def in_groups(kept: Mapping[str, tuple[str, str]]) -> list[MissingFiles]:
    """What is missing, folder by folder, of (folder, reason) by path."""
    counted: dict[tuple[str, str], int] = {}
    for group in kept.values():
        counted[group] = counted.get(group, 0) + 1
    return [MissingFiles(path=path, images=counted[path, reason], reason=reason) for path, reason in sorted(counted)]
