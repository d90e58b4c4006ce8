"""Folders and libraries that people name: does the name mean what they want, or is it mistyped?"""

import difflib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from lookalike.errors import CallerError, LibraryMissing
from lookalike.settings import FILE_NAME, Settings

_OURS = {
    FILE_NAME,
    "originals",
    "snapshots",
    "thumbnails",
    "training",
    "index-choice.json",
    "index.lock",
    "publish.lock",
    "lost+found",
}
_LEAST_LETTERS = 5  # of shorter names, one other letter is as likely meant
_CREATE = "add --create to make a new library there"


def library_exists(settings: Settings) -> bool:
    """Whether there is a library to open, or a database server that may hold one."""
    return bool(settings.catalog_url) or (settings.library / "catalog.sqlite").exists()


def no_such_path(path: Path) -> CallerError:
    """What to say of a path that leads nowhere, with the near one if there is one."""
    near = nearest(path, accept=Path.exists)
    hint = f"; did you mean {near}?" if near else "."
    return CallerError(f"{path}: there is no such file or folder{hint} Nothing was changed.")


def nearest(path: Path, *, accept: Callable[[Path], bool]) -> Path | None:
    """The path that differs by one name alone, and by little: the first that is not there is the one mistyped."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 - `..` and links as the user wrote them
    below: list[str] = []
    while path.parent != path and not path.parent.is_dir():
        below.insert(0, path.name)
        path = path.parent
    try:
        names = {name.casefold(): name for name in sorted(os.listdir(path.parent), reverse=True)}  # noqa: PTH208
    except OSError:
        return None
    for name in difflib.get_close_matches(path.name.casefold(), list(names), n=5, cutoff=0.6):
        candidate = path.parent.joinpath(names[name], *below)
        if candidate != path and accept(candidate):
            return candidate
    return None


def check_new_library(settings: Settings, roots: Sequence[Path], *, create: bool) -> None:
    """Let `index` go on where its library exists or may be made.

    Raises:
        CallerError: the library's folder is one to be indexed or lies around it, holds something else, or its name is
            one slip away from that of a library beside it; or a path leads nowhere and no library may know it.
    """
    for root in roots:
        if not library_exists(settings) and not os.path.lexists(root):
            raise no_such_path(root)
    folder = Path(os.path.abspath(settings.library))  # noqa: PTH100
    for root in roots:
        _require_apart(folder, root)
    if library_exists(settings):
        return
    _require_free(folder)
    near = None if create or folder.exists() else nearest(folder, accept=_is_library)
    if near is not None and is_slip(folder.name, near.name):
        raise CallerError(f"there is no library in {folder}; did you mean {near}? If not, {_CREATE}.")


def require_library(settings: Settings, *, named: bool, create: bool) -> None:
    """Let `serve` go on where its library exists, or may be made empty.

    Args:
        settings: which library.
        named: its folder was named on the command line.
        create: the user said to make one.

    Raises:
        LibraryMissing: there is none; the message names a near one.
        CallerError: the folder holds something else.
    """
    folder = Path(os.path.abspath(settings.library))  # noqa: PTH100
    if library_exists(settings):
        return
    _require_free(folder)
    if create or folder.is_dir():
        return
    near = nearest(folder, accept=_is_library)
    if near is None and not named:
        return
    hint = f"; did you mean {near}?" if near else ":"
    raise LibraryMissing(
        f"there is no library in {folder}{hint} Make one with `lookalike index FOLDER --library DIR`, or {_CREATE}."
    )


def is_slip(typed: str, meant: str) -> bool:
    """Whether one letter is wrong, missing, doubled, or two have changed places; numbered names are meant so."""
    typed, meant = (" ".join(name.casefold().split()) for name in (typed, meant))
    if typed == meant:
        return True
    if any(a != b and (a + b).strip("0123456789-_. ") == "" for a, b in _differences(typed, meant)):
        return False
    if sorted(typed) == sorted(meant):
        places = [at for at, (a, b) in enumerate(zip(typed, meant, strict=True)) if a != b]
        return len(places) == 2 and places[1] == places[0] + 1  # noqa: PLR2004 - two letters side by side
    if min(len(typed), len(meant)) < _LEAST_LETTERS or abs(len(typed) - len(meant)) > 1:
        return False
    return sum(max(len(a), len(b)) for a, b in _differences(typed, meant)) == 1


def _differences(first: str, second: str) -> list[tuple[str, str]]:
    matched = difflib.SequenceMatcher(None, first, second, autojunk=False).get_opcodes()
    return [(first[a:b], second[c:d]) for kind, a, b, c, d in matched if kind != "equal"]


def _is_library(folder: Path) -> bool:
    return (folder / "catalog.sqlite").exists()


def _require_apart(library: Path, root: Path) -> None:
    root = Path(os.path.abspath(root))  # noqa: PTH100
    if os.path.realpath(root) == os.path.realpath(library):
        raise CallerError(
            f"{root} is named both as the folder to index and as the library, which is a folder of its own where"
            " lookalike keeps what it knows. Leave --library out for your usual library, or name another folder for it."
        )
    if Path(os.path.realpath(root)).is_relative_to(os.path.realpath(library)) and _is_library(library):
        raise CallerError(f"{root} lies inside the library {library}, whose files are not there to be indexed")


def _require_free(folder: Path) -> None:
    """Refuse a place that holds something other than a library."""
    if folder.exists() and not folder.is_dir():
        raise CallerError(f"{folder} is a file; a library is a folder")
    try:
        names = sorted(os.listdir(folder)) if folder.is_dir() else []  # noqa: PTH208
    except OSError:
        return
    others = [name for name in names if name not in _OURS and not name.startswith((".", "catalog.sqlite"))]
    if others:
        raise CallerError(
            f"{folder} is no library, and holds other things ({others[0]}). Name a new or empty folder with --library."
        )
