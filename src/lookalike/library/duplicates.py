"""Finding copies in a library, and hiding or deleting all but one of each; files are never touched."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any, Literal

import numpy as np

from lookalike.catalog import Catalog
from lookalike.columns import unknown_rows
from lookalike.duplicates import CopyFinder, CopyGroup, CopyPair, ProgressFile, Sureness, group_copies
from lookalike.duplicates import Library as Compared
from lookalike.duplicates.agreement import SIDE
from lookalike.duplicates.finding import RULES
from lookalike.errors import CallerError
from lookalike.keypoints import RECIPE
from lookalike.library.parts import LibraryParts
from lookalike.preprocessing import decode
from lookalike.progress import Progress
from lookalike.retrieval import stored_keypoints
from lookalike.types import WHOLE_IMAGE, Image, Pixels, Visibility

Keep = Literal["largest", "oldest", "newest"]
Action = Literal["report", "hide", "delete"]

_BLOCK = 500  # images between two moments at which the search can be interrupted without loss
_FILE = "duplicates.jsonl"

_PREFERRED: dict[Keep, Callable[[Image], Any]] = {
    "largest": lambda image: (-image.width * image.height, -image.byte_count, image.uploaded_at),
    "oldest": lambda image: (image.uploaded_at, -image.width * image.height),
    "newest": lambda image: (-_seconds(image.uploaded_at), -image.width * image.height),
}


def _seconds(at: datetime) -> float:
    return at.timestamp()


@dataclass(frozen=True, kw_only=True)
class DuplicatesRequest:
    """What to look for, and what to do with copies.

    Attributes:
        keep: which image of each group stays.
        action: `report` changes nothing; `hide` makes the other images private; `delete` takes them out of the
            library, as `forget ID` does.
        least: only copies that are at least so sure.
    """

    keep: Keep = "largest"
    action: Action = "report"
    least: Sureness = Sureness.LIKELY


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

    Ctrl-C ends the search early, and the next one goes on from there, as long as the library has not changed.

    Raises:
        CallerError: an action or a choice that there is not.
        LibraryMissing: nothing was indexed yet.
        StorageFailed: the disk is full.
    """
    if request.keep not in _PREFERRED or request.action not in {"report", "hide", "delete"}:
        raise CallerError(f"keep={request.keep!r}, action={request.action!r}: one of them is not known")
    fingerprint = library.require_live().fingerprint
    compared = _compared(library, fingerprint)
    done = ProgressFile(library.settings.library / _FILE, of=_identity(library.catalog, fingerprint))
    interrupted = False
    try:
        _search(compared, done, progress)
    except KeyboardInterrupt:
        interrupted = True
    pairs = [pair for pair in done.pairs if pair.sure.level >= request.least.level]
    images = _images(library.catalog, pairs)
    groups = group_copies(pairs, images, preferred=_PREFERRED[request.keep])
    groups = sorted(groups, key=lambda group: -len(group.copies))
    return DuplicatesResult(
        groups=groups,
        images=images,
        same_bytes=_same_bytes(library.catalog, compared.ids),
        compared=len(compared.ids),
        changed=0 if interrupted else _change(library.catalog, groups, request.action),
        interrupted=interrupted,
        warnings=_warnings(library.catalog, compared.ids),
    )


def _compared(library: LibraryParts, fingerprint: str) -> Compared:
    """The public images, with their vectors as the model made them, all read into memory."""
    catalog = library.catalog
    ids: list[str] = []
    vectors, columns = [np.zeros((0, library.require_live().dimension), np.float32)], [unknown_rows(0)]
    for block in catalog.vectors.blocks(fingerprint):
        whole = np.flatnonzero(block.regions == WHOLE_IMAGE)
        kept = [row for row in whole.tolist() if block.visibilities[row] is Visibility.PUBLIC]
        ids += [block.image_ids[row] for row in kept]
        vectors.append(block.vectors[kept])
        columns.append(block.columns[kept])
    rows = np.concatenate(vectors)
    return Compared(
        ids=ids,
        vectors=rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12),
        columns=np.concatenate(columns),
        keypoints_of=partial(stored_keypoints, catalog),
        pixels_of=lambda image_id: _pixels(library, image_id),
    )


def _search(compared: Compared, done: ProgressFile, progress: Progress) -> None:
    """The blocks that are not done yet."""
    size = len(compared.ids)
    starts = range(0, size, _BLOCK)[done.done :]
    if not starts:
        return
    progress.stage("Preparing the comparison")
    finder = CopyFinder(compared)
    progress.stage("Looking for copies", size - starts[0])
    for start in starts:
        done.add(finder.find(start, start + _BLOCK))
        progress.advance(min(_BLOCK, size - start))


def _identity(catalog: Catalog, fingerprint: str) -> str:
    """Names the images, the keypoints and the rules: where any is another, a search starts anew."""
    state = catalog.changes.state()
    missing = [image.id for image in catalog.keypoints.images_without(RECIPE, limit=10_000)]
    parts = [state.library_id, state.sequence, state.token, fingerprint, RULES, RECIPE, _BLOCK, *missing]
    return sha256("\n".join(map(str, parts)).encode()).hexdigest()


def _pixels(library: LibraryParts, image_id: str) -> Pixels | None:
    try:
        content = library.catalog.images.content(image_id)
        return decode(content, name=image_id, limits=library.limits, shortest_side=2 * SIDE).pixels
    except CallerError:  # its file is gone
        return None


def _images(catalog: Catalog, pairs: Sequence[CopyPair]) -> dict[str, Image]:
    """Those of the pairs that are public now."""
    ids = sorted({image_id for pair in pairs for image_id in (pair.one, pair.other)})
    return catalog.images.get_many(ids, visibility=Visibility.PUBLIC)


def _same_bytes(catalog: Catalog, image_ids: Sequence[str]) -> dict[str, Sequence[str]]:
    files = catalog.sources.files_of(image_ids)
    return {one: [file.path for file in found] for one, found in sorted(files.items()) if len(found) > 1}


def _change(catalog: Catalog, groups: Sequence[CopyGroup], action: Action) -> int:
    copies = [image_id for group in groups for image_id in group.copies] if action != "report" else []
    for image_id in copies:
        if action == "hide":
            catalog.images.update(image_id, visibility=Visibility.PRIVATE)
        else:
            catalog.images.delete(image_id)
    return len(copies)


def _warnings(catalog: Catalog, image_ids: Sequence[str]) -> tuple[str, ...]:
    without = len(image_ids) - len(catalog.keypoints.among(RECIPE, image_ids))
    if not without:
        return ()
    which = "no image has keypoints" if without == len(image_ids) else f"{without:,} images have no keypoints"
    return (f"{which}: run `lookalike keypoints` first, to find copies that are bordered, cut, tilted or marked, too",)
