"""Which image files are under a folder, and why the others are not taken."""

import errno
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lookalike.catalog import SourceFile
from lookalike.errors import CallerError
from lookalike.indexing.selection import SYSTEM_FOLDER, Rules, Selection, why_no_image
from lookalike.regular_files import kind_of

_MOST_KINDS_SKIPPED = 500  # a folder may hold as many suffixes as files; the rest are counted without theirs

_TAKE_ALL = Selection()


@dataclass(slots=True)
class Found:
    """What a walk saw.

    Attributes:
        files: in the order of their paths.
        unreadable: folders or files that could not be looked at, with the reason; what was known below them stays.
        skipped: how many files (and system folders) were not taken, by (reason, suffix or folder's name).
        notes: what is wrong with ignore files.
    """

    files: list[SourceFile] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    skipped: Counter[tuple[str, str]] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def skip(self, reason: str, suffix: str = "") -> None:
        """Count one that is not taken."""
        if len(self.skipped) >= _MOST_KINDS_SKIPPED and (reason, suffix) not in self.skipped:
            suffix = ""
        self.skipped[reason, suffix] += 1


def find_images(root: Path, selection: Selection = _TAKE_ALL) -> Found:
    """Walk a folder, following links, each real folder once; or take one file.

    A folder or file that is named directly is taken whatever its name; below it the selection decides. Only regular
    files, and links to them, are taken.

    Raises:
        CallerError: there is nothing at `root`, or a pattern of the selection is none.
    """
    root = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would replace links by what they point at
    found = Found()
    try:
        mode = root.stat().st_mode
    except FileNotFoundError:
        raise CallerError(f"{root}: there is no such file or folder; nothing was changed") from None
    except OSError as fault:
        found.unreadable[os.fspath(root)] = fault.strerror or str(fault)
        return found
    kind = kind_of(mode)
    if kind is None:
        _take(os.fspath(root), found, by_name=True)
    elif kind == "a folder":
        left_out = os.path.realpath(selection.library) if selection.library else None
        walk = _Walk(found, Rules(os.fspath(root), selection), left_out)
        for path in walk.files_below(os.fspath(root)):
            _take(path, found)
    else:
        found.skip(kind.removeprefix("a "))
    return found


class _Walk:
    """Goes through folders, each once, and counts what the rules leave out."""

    def __init__(self, found: Found, rules: Rules, left_out: str | None) -> None:
        self._found = found
        self._rules = rules
        self._left_out = left_out
        self._seen: set[tuple[int, int]] = set()

    def files_below(self, folder: str) -> Iterator[str]:
        """Files that the rules do not leave out by their names, folder by folder."""
        waiting = [folder]
        while waiting:
            folder = waiting.pop()
            entries = self._entries(folder)
            fault = self._rules.enter(folder, [entry.name for entry in entries])
            if fault is not None:
                self._found.notes.append(fault)
            folders: list[str] = []
            for entry in entries:
                if _is_folder(entry):
                    if self._enters(entry):
                        folders.append(entry.path)
                elif self._takes(entry):
                    yield entry.path
            waiting.extend(reversed(folders))

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            status = os.stat(folder)  # noqa: PTH116 - a million Path objects cost seconds
            if (status.st_dev, status.st_ino) in self._seen or os.path.realpath(folder) == self._left_out:
                return []
            self._seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as fault:
            self._found.unreadable[folder] = fault.strerror or str(fault)
            return []

    def _enters(self, entry: os.DirEntry[str]) -> bool:
        reason = self._rules.why_not_folder(entry.path, entry.name)
        if reason is not None:
            self._found.skip(reason, entry.name if reason == SYSTEM_FOLDER else "/")
        return reason is None

    def _takes(self, entry: os.DirEntry[str]) -> bool:
        reason = self._rules.why_not_file(entry.path, entry.name)
        if reason is not None:
            self._found.skip(reason)
            return False
        if entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110 - speed, as above
            self._found.unreadable[entry.path] = "the link leads nowhere"  # a disk that is away, and all that was on it
            return False
        return True


def is_gone(path: str, *, behind_links: bool = False) -> bool:
    """Whether there is no file at a path any more, so far as can be told.

    What cannot be looked at, and what lies behind a link that leads nowhere (a disk that is away), is not gone. Nor is
    a file that a walk leaves out by its rules: it may have been named directly, with its suffix or its hidden folder.
    With `behind_links`, what lies behind a link that leads nowhere is gone.
    """
    try:
        return kind_of(os.stat(path).st_mode) is not None  # noqa: PTH116 - these paths may be many
    except (FileNotFoundError, NotADirectoryError):
        return behind_links or not _behind_a_dead_link(path)
    except OSError as fault:
        return fault.errno == errno.ENAMETOOLONG


def _behind_a_dead_link(path: str) -> bool:
    while not os.path.lexists(path):
        path = os.path.dirname(path)  # noqa: PTH120 - as above
    return os.path.islink(path)  # noqa: PTH114 - as above


def same_letters(path: str) -> str:
    """What paths have in common that one file has on file systems where case and composition do not matter."""
    return unicodedata.normalize("NFC", path).casefold()


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def _take(path: str, found: Found, *, by_name: bool = False) -> None:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError as fault:
        found.unreadable[path] = fault.strerror or str(fault)
        return
    skipped = None if by_name else why_no_image(path, status.st_mode)
    if skipped is not None:
        found.skip(*skipped)
        return
    found.files.append(source_file(path, status))


def source_file(path: str, status: os.stat_result) -> SourceFile:
    """A file as it looks now."""
    return SourceFile(
        path=path,
        byte_count=status.st_size,
        modified_ns=status.st_mtime_ns,
        changed_ns=status.st_ctime_ns,
        inode=status.st_ino,
        device=status.st_dev,
    )
