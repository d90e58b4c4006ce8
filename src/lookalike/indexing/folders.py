"""Which image files are under a folder."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lookalike.errors import CallerError
from lookalike.preprocessing import EXTENSIONS


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file worth opening, as it was when the folder was read."""

    path: str
    byte_count: int
    modified_ns: int


@dataclass(slots=True)
class Found:
    """What a walk saw.

    Attributes:
        files: in the order of their paths.
        unreadable: folders or files that could not be looked at, with the reason; what was known below them stays.
        other_files: how many files have no image's suffix.
    """

    files: list[FoundFile] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    other_files: int = 0


def find_images(root: Path, *, leave_out: Path | None = None) -> Found:
    """Walk a folder, following links, each real folder once; or take one file.

    Hidden files and folders (a leading dot) are left out, and so is `leave_out`, which is where the library itself
    may lie. A file that is named directly is taken whatever its suffix.

    Raises:
        CallerError: `root` does not exist.
    """
    root = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would replace links by what they point at
    if not root.exists():
        raise CallerError(f"{root}: there is no such file or folder; nothing was changed")
    found = Found()
    if root.is_file():
        _take(os.fspath(root), found)
        return found
    left_out = os.path.realpath(leave_out) if leave_out else None
    for path in _walk(os.fspath(root), found, seen=set(), left_out=left_out):
        if os.path.splitext(path)[1].lower() in EXTENSIONS:  # noqa: PTH122 - a million Path objects cost seconds
            _take(path, found)
        else:
            found.other_files += 1
    return found


def _walk(folder: str, found: Found, *, seen: set[tuple[int, int]], left_out: str | None) -> Iterator[str]:
    waiting = [folder]
    while waiting:
        folder = waiting.pop()
        try:
            status = os.stat(folder)  # noqa: PTH116 - as for the suffix above: speed on a million files
            if (status.st_dev, status.st_ino) in seen or os.path.realpath(folder) == left_out:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                named = sorted(entries, key=lambda entry: entry.name)
        except OSError as fault:
            found.unreadable[folder] = fault.strerror or str(fault)
            continue
        folders: list[str] = []
        for entry in named:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                folders.append(entry.path)
            elif entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110 - speed, as for the suffix
                found.unreadable[entry.path] = "the link leads nowhere"  # a disk that is away, and all that was on it
            else:
                yield entry.path
        waiting.extend(reversed(folders))


def is_gone(path: str) -> bool:
    """Whether there is no file at a path any more, so far as can be told.

    What cannot be looked at, and what lies behind a link that leads nowhere (a disk that is away), is not gone. Nor is
    a file that a walk passes over by its rules: it may have been named directly, with its suffix or its hidden folder.
    """
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - these paths may be many
    except (FileNotFoundError, NotADirectoryError):
        return not _behind_a_dead_link(path)
    except OSError:
        return False


def _behind_a_dead_link(path: str) -> bool:
    while not os.path.lexists(path):
        path = os.path.dirname(path)  # noqa: PTH120 - as above
    return os.path.islink(path)  # noqa: PTH114 - as above


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def _take(path: str, found: Found) -> None:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError as fault:
        found.unreadable[path] = fault.strerror or str(fault)
        return
    found.files.append(FoundFile(path, status.st_size, status.st_mtime_ns))
