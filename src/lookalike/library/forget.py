"""Taking folders and images out of a library; files are never touched."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from lookalike.catalog import Catalog
from lookalike.errors import CallerError
from lookalike.indexing import Forgotten, forget_image, forget_path
from lookalike.library.parts import LibraryParts
from lookalike.settings import user_path

_IMAGE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True)
class ForgetRequest:
    """What to take out.

    Attributes:
        what: folders, files, or ids of images.
        for_good: keep nothing in the bin.
        dry_run: only say what would be taken out.
    """

    what: Sequence[str]
    for_good: bool = False
    dry_run: bool = False


def forget(library: LibraryParts, request: ForgetRequest) -> list[Forgotten]:
    """Take folders or images out; a folder stays out of later runs until it is indexed by name.

    Raises:
        CallerError: nothing is known of one of them; nothing was changed.
        LibraryBusy: another process is indexing into this library.
    """
    named = [_named(library.catalog, one) for one in request.what]
    return [_forget(library, one, for_good=request.for_good, dry_run=request.dry_run) for one in named]


def _named(catalog: Catalog, what: str) -> str:
    """An image's id, or an absolute path that something is known of.

    Raises:
        CallerError: nothing is known of it; nothing was changed.
    """
    if _IMAGE_ID.fullmatch(what) and not os.path.lexists(what):
        catalog.images.get(what)
        return what
    path = os.path.abspath(user_path(what))  # noqa: PTH100 - links stay as they were indexed
    if not catalog.sources.below(path) and path not in catalog.folders.names():
        raise CallerError(
            f"{what}: nothing at this path or below it is in the library, and it is no image's id; nothing was changed."
            " `lookalike sources` lists what was indexed."
        )
    return path


def _forget(library: LibraryParts, named: str, *, for_good: bool, dry_run: bool) -> Forgotten:
    with library.alone():
        if _IMAGE_ID.fullmatch(named):
            return forget_image(library.catalog, named, dry_run=dry_run)
        return forget_path(library.catalog, named, for_good=for_good, dry_run=dry_run)
