"""What is under a folder now, compared with what the catalog knows of it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lookalike.catalog import Catalog, SourceFile, SourceState
from lookalike.errors import CallerError
from lookalike.indexing.folders import Found, find_images
from lookalike.indexing.options import IndexOptions
from lookalike.indexing.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One folder, or one file that was named directly.

    Attributes:
        root: its absolute path.
        there: whether there is anything at that path.
        found: what a walk saw.
        known: what the catalog knows at and below it.
        to_read: files that are new, changed, or to be tried again.
        to_note: files taken to be unchanged that look otherwise than recorded: found again, or on another device.
    """

    root: str
    there: bool
    found: Found
    known: Mapping[str, SourceState]
    to_read: list[SourceFile]
    to_note: list[SourceFile]


def compare(
    catalog: Catalog, root: Path, selection: Selection, *, options: IndexOptions, refused_under: str
) -> Comparison:
    """Compare a folder with the catalog; nothing is read but names and what the file system says of files.

    Raises:
        CallerError: there is nothing at `root` and nothing known of it, or a pattern is none.
    """
    path = os.path.abspath(root)  # noqa: PTH100 - resolve() would replace links
    known = catalog.sources.below(path)
    there = os.path.exists(path) or _cannot_be_looked_at(path)  # noqa: PTH110
    if not there and not known:
        raise CallerError(f"{path}: there is no such file or folder; nothing was changed")
    found = find_images(root, selection) if there else Found()
    considered = {p: s for p, s in known.items() if not s.deleted} if options.restore else known
    to_read, to_note = [], []
    for file in found.files:
        state = considered.get(file.path)
        if state is None or options.verify_content or not _can_stay(file, state, options, refused_under):
            to_read.append(file)
        elif _looks_otherwise(file, state):
            to_note.append(file)
    return Comparison(root=path, there=there, found=found, known=known, to_read=to_read, to_note=to_note)


def _cannot_be_looked_at(path: str) -> bool:
    try:
        os.stat(path)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _can_stay(file: SourceFile, state: SourceState, options: IndexOptions, refused_under: str) -> bool:
    if not _same_file(file, state):
        return False
    if state.image_id is None:  # it could not be opened: permissions change without changing the file
        return False
    return state.error is None or (not options.again and state.refused_under == refused_under)


def _same_file(file: SourceFile, state: SourceState) -> bool:
    """Whether the bytes must be the same: programs may keep a file's size and time, but not its time of change.

    Inodes are compared on one device only: a share that is mounted again has another number, and may give other inodes.
    """
    if (file.byte_count, file.modified_ns) != (state.byte_count, state.modified_ns):
        return False
    if state.changed_ns is None:  # recorded by an earlier version
        return True
    return file.changed_ns == state.changed_ns and (file.device != state.device or file.inode == state.inode)


def _looks_otherwise(file: SourceFile, state: SourceState) -> bool:
    recorded = (state.changed_ns, state.inode, state.device)
    return state.missing or (file.changed_ns, file.inode, file.device) != recorded
