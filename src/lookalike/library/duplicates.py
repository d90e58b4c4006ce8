"""Finding copies in a library, and hiding or deleting all but one of each; files are never touched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lookalike.catalog import Catalog
from lookalike.duplicates import CopyGroup, Sureness
from lookalike.errors import CallerError, ImageHeld, UnknownImage
from lookalike.library.copy_search import CopySearch, FoundCopies, Keep
from lookalike.library.keys import command_actor
from lookalike.library.parts import LibraryParts
from lookalike.progress import Progress
from lookalike.types import Image, Visibility

Action = Literal["report", "hide", "delete"]

_ACTIONS = ("report", "hide", "delete")


@dataclass(frozen=True, kw_only=True)
class DuplicatesRequest:
    """What to look for, and what to do with copies.

    Attributes:
        keep: which image of each group stays.
        action: `report` changes nothing; `hide` makes the other images private; `delete` takes them out of the
            library, as `forget ID` does.
        least: only copies that are at least so sure; None for likely ones, or for certain ones where something is done
            with them.
    """

    keep: Keep = "largest"
    action: Action = "report"
    least: Sureness | None = None

    @property
    def least_sure(self) -> Sureness:
        """How sure copies have to be."""
        return self.least or (Sureness.LIKELY if self.action == "report" else Sureness.CERTAIN)


@dataclass(frozen=True, kw_only=True)
class DuplicatesResult:
    """The copies of a library.

    Attributes:
        groups: of copies, the largest first.
        images: by id, every image of a group.
        same_bytes: image id -> the files with exactly its bytes, where there are several: they are one image already.
        compared: how many images were.
        changed: how many images were hidden or deleted.
        interrupted: ended by Ctrl-C; the next run goes on from there. Nothing was hidden or deleted.
        warnings: what people should know besides.
    """

    groups: Sequence[CopyGroup]
    images: Mapping[str, Image]
    same_bytes: Mapping[str, Sequence[str]]
    compared: int
    changed: int = 0
    interrupted: bool = False
    warnings: tuple[str, ...] = ()


def duplicates(library: LibraryParts, request: DuplicatesRequest, progress: Progress) -> DuplicatesResult:
    """Find the public images that are copies of each other: re-encoded, resized, turned, mirrored, bordered, cut.

    What was found is kept, so that the next search compares only images that are new. Ctrl-C ends a search early, and
    the next one goes on from there.

    Raises:
        CallerError: an action or a choice that there is not.
        LibraryMissing: nothing was indexed yet.
        LibraryBusy: another process is looking for copies.
        StorageFailed: the disk is full.
    """
    if request.action not in _ACTIONS:
        raise CallerError(f"action={request.action!r}: choose one of {', '.join(_ACTIONS)}")
    search = CopySearch.of(library)
    interrupted = False
    try:
        search.run(progress)
    except KeyboardInterrupt:
        interrupted = True
    found = search.found(keep=request.keep, least=request.least_sure)
    copies = [image_id for group in found.groups for image_id in group.copies]
    acts = request.action != "report" and not interrupted
    return DuplicatesResult(
        groups=found.groups,
        images=found.images,
        same_bytes=_same_bytes(library.catalog),
        compared=found.compared,
        changed=len(_changed(library.catalog, copies, delete=request.action == "delete")) if acts else 0,
        interrupted=interrupted,
        warnings=warnings_of(found),
    )


def change_copy(catalog: Catalog, image_id: str, *, delete: bool, actor: str) -> bool:
    """Make an image private, or delete it from the library; the audit log says who did.

    Args:
        catalog: that has the image.
        image_id: of a copy of another image.
        delete: it, instead of hiding it.
        actor: as the audit log names them.

    Returns:
        Whether it was changed: it may be gone meanwhile.
    """
    try:
        if delete:
            catalog.images.delete(image_id)
        else:
            catalog.images.update(image_id, visibility=Visibility.PRIVATE)
    except (UnknownImage, ImageHeld):
        return False
    action, details = ("image.delete", "a copy") if delete else ("image.change", "a copy; made private")
    catalog.audit.add(actor=actor, action=action, subject=image_id, details=details)
    return True


def _changed(catalog: Catalog, image_ids: Sequence[str], *, delete: bool) -> list[str]:
    actor = command_actor()
    return [one for one in image_ids if change_copy(catalog, one, delete=delete, actor=actor)]


def _same_bytes(catalog: Catalog) -> dict[str, Sequence[str]]:
    files = catalog.sources.files_of(sorted(catalog.images.ids(Visibility.PUBLIC)))
    return {one: [file.path for file in found] for one, found in sorted(files.items()) if len(found) > 1}


def warnings_of(found: FoundCopies) -> tuple[str, ...]:
    """What people should know of a search for copies."""
    without = found.without_keypoints
    if not without:
        return ()
    which = "no image has keypoints" if without == found.compared else f"{without:,} images have no keypoints"
    return (f"{which}: run `lookalike keypoints` first, to find copies that are bordered, cut, tilted or marked, too",)
