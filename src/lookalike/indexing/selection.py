"""Which files of a folder are to be indexed: what is hidden, kept by systems, excluded by the user, or no image."""

import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from lookalike.errors import CallerError
from lookalike.preprocessing import EXTENSIONS, begins_like_an_image
from lookalike.regular_files import kind_of

IGNORE_FILE = ".lookalikeignore"

HIDDEN = "hidden"
SYSTEM_FOLDER = "system folder"
EXCLUDED = "excluded"
IGNORED = f"in {IGNORE_FILE}"
FORGOTTEN = "forgotten"
NO_SUFFIX = "no image's suffix"
VIDEO, RAW, PDF, OTHER = "video", "RAW", "PDF", "other"

FOLDER_REASONS = frozenset({SYSTEM_FOLDER})
"""Reasons that are given for folders only; what is in them was not looked at."""

_SYSTEM_FOLDERS = frozenset({
    "@eadir", "@tmp", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", ".@__thumb", "$recycle.bin",
    "recycler", "system volume information", "lost+found", "__macosx", ".git", ".svn", ".hg", ".trash",
    ".trashes", ".thumbnails",
    ".snapshots", ".snapshot", ".zfs", ".spotlight-v100", ".fseventsd", ".temporaryitems", ".documentrevisions-v100",
    ".appledouble", ".stfolder", ".stversions",
})  # fmt: skip
_SYSTEM_ENDINGS = (".lrdata",)  # Lightroom's previews
_TRASH_OF_A_USER = re.compile(r"\.trash-\d+")

_KINDS = {
    VIDEO: "mp4 m4v mov avi mkv webm wmv flv mpg mpeg mts m2ts 3gp 3g2 ts vob ogv insv lrv",
    RAW: "cr2 cr3 crw nef nrw arw srf sr2 dng orf rw2 raf pef ptx srw x3f raw rwl iiq 3fr fff mef mos kdc dcr erf gpr"
    " mrw",
    PDF: "pdf",
}
_KIND_OF_SUFFIX = {f".{suffix}": kind for kind, suffixes in _KINDS.items() for suffix in suffixes.split()}
_A_SUFFIX = re.compile(r"\.[a-z0-9]{1,10}")
_FIRST_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a user left out, or asked for only. Patterns are those of `.gitignore`, in which case does not matter.

    Attributes:
        exclude: patterns of files and folders to leave out, relative to the folder that is indexed.
        include: if there are any, files that match none of them are left out.
        forgotten: paths that are left out because `lookalike forget` named them.
        library: the library's own folder, which is never indexed.
    """

    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    forgotten: frozenset[str] = frozenset()
    library: Path | None = None


def patterns(lines: Iterable[str], *, where: str) -> GitIgnoreSpec:
    """The compiled patterns.

    Raises:
        CallerError: one is not a pattern; the message names it.
    """
    lowered = [line.lower() for line in lines]
    try:
        return GitIgnoreSpec.from_lines(lowered)
    except ValueError as fault:
        raise CallerError(f"{where}: not a pattern as in .gitignore: {fault}") from None


class Rules:
    """A selection, applied to what is met below one folder.

    Args:
        root: the folder, absolute.
        selection: what to leave out.

    Raises:
        CallerError: a pattern is none.
    """

    def __init__(self, root: str, selection: Selection) -> None:
        self._root = root
        self._exclude = patterns(selection.exclude, where="--exclude") if selection.exclude else None
        self._include = patterns(selection.include, where="--include") if selection.include else None
        self._forgotten = selection.forgotten
        self._ignored: dict[str, GitIgnoreSpec] = {}

    def enter(self, folder: str, names: Sequence[str]) -> str | None:
        """Read the folder's own ignore file, if it is among its names; what is wrong with it, in words."""
        if IGNORE_FILE not in names:
            return None
        file = os.path.join(folder, IGNORE_FILE)  # noqa: PTH118 - a million Path objects cost seconds
        try:
            text = Path(file).read_text(encoding="utf-8-sig", errors="replace")
            self._ignored[folder] = patterns(text.splitlines(), where=file)
        except (OSError, CallerError) as fault:
            return str(fault)
        return None

    def why_not_folder(self, path: str, name: str) -> str | None:
        """Why not to look into a folder."""
        lowered = name.lower()
        if lowered in _SYSTEM_FOLDERS or lowered.endswith(_SYSTEM_ENDINGS) or _TRASH_OF_A_USER.fullmatch(lowered):
            return SYSTEM_FOLDER
        return self._why_not(path, name, is_folder=True)

    def why_not_file(self, path: str, name: str) -> str | None:
        """Why not to take a file, by its name alone."""
        reason = self._why_not(path, name, is_folder=False)
        if reason is None and self._include and not self._include.match_file(self._relative(path, self._root)):
            return EXCLUDED
        return reason

    def _why_not(self, path: str, name: str, *, is_folder: bool) -> str | None:
        if name.startswith("."):
            return HIDDEN
        if path in self._forgotten:
            return FORGOTTEN
        ending = "/" if is_folder else ""
        if self._exclude and self._exclude.match_file(self._relative(path, self._root) + ending):
            return EXCLUDED
        return IGNORED if self._ignored and self._is_ignored(path, ending) else None

    def _is_ignored(self, path: str, ending: str) -> bool:
        """As git does: of the ignore files on the way, the deepest that says anything decides."""
        folder = os.path.dirname(path)  # noqa: PTH120
        while len(folder) >= len(self._root):
            spec = self._ignored.get(folder)
            said = spec.check_file(self._relative(path, folder) + ending).include if spec else None
            if said is not None:
                return said
            if folder == self._root:
                break
            folder = os.path.dirname(folder)  # noqa: PTH120
        return False

    @staticmethod
    def _relative(path: str, folder: str) -> str:
        return path[len(folder.rstrip(os.sep)) + 1 :].replace(os.sep, "/").lower()


def why_no_image(path: str, mode: int) -> tuple[str, str] | None:
    """(reason, suffix) why a file is not worth reading, by its kind, its suffix, or else its first bytes."""
    kind = kind_of(mode)
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122
    if kind is not None:
        return kind.removeprefix("a "), suffix if suffix in EXTENSIONS else ""
    if suffix in EXTENSIONS:
        return None
    if _A_SUFFIX.fullmatch(suffix):
        return _KIND_OF_SUFFIX.get(suffix, OTHER), suffix
    return None if _begins_like_an_image(path) else (NO_SUFFIX, "")


def _begins_like_an_image(path: str) -> bool:
    """Of a file without a suffix, or with something odd in its place, as of `photo.jpg?w=300`."""
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError:
        return False
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            return False
        return begins_like_an_image(os.read(number, _FIRST_BYTES))
    except OSError:
        return False
    finally:
        os.close(number)
