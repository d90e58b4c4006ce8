"""The block list: pictures that must not be shown, and their copies."""

from collections.abc import Sequence
from dataclasses import dataclass

from lookalike.catalog import BlockedPicture, content_id
from lookalike.embedding import PictureEncoder
from lookalike.errors import DependencyMissing
from lookalike.library.keys import written_down
from lookalike.library.parts import LibraryParts
from lookalike.reranking import BlockedPictures, CollapseDuplicates
from lookalike.retrieval import MANY_HITS, Query
from lookalike.types import Visibility

_SURE_INLIERS = 30
"""Matching details from which `lookalike duplicates` is very sure that two images are copies."""


@dataclass(frozen=True, kw_only=True)
class BlockRequest:
    """A picture that must not be shown.

    Attributes:
        content: its bytes; it need not be in the library.
        name: what to call it in messages.
        note: why, in words.
    """

    content: bytes
    name: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class BlockResult:
    """What became of a request.

    Attributes:
        image_id: of the picture.
        blocked: ids of images of the library that are blocked now and were not before.
        warnings: what people should know besides.
    """

    image_id: str
    blocked: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def block_picture(library: LibraryParts, request: BlockRequest) -> BlockResult:
    """Put a picture into the block list, and block the images of the library that are copies of it.

    Copies are images with its bytes, images of its shape and colours (as for near-duplicates), and, where keypoints are
    kept, images with at least 30 matching details among its 100 nearest. Images that come later are compared by bytes,
    shape and colours.

    Raises:
        ImageRefused: the bytes are not an acceptable image.
        LibraryMissing: nothing was indexed.
    """
    image_id = content_id(request.content)
    library.require_live()
    pictures = PictureEncoder(encoder=library.encoder, limits=library.limits)
    row = pictures.prepare(request.content, name=request.name).columns
    by_details, warnings = _with_its_details(library, request)
    library.catalog.blocks.add(image_id, row, note=request.note)
    chosen = [*_look_alikes(library, image_id), *by_details]
    copies = library.catalog.images.get_many(chosen)
    newly = [one.id for one in copies.values() if one.visibility is not Visibility.BLOCKED]
    for one in copies:  # also what moderation hides now: a decision must not show it
        library.catalog.images.update(one, visibility=Visibility.BLOCKED)
    written_down(
        library.catalog, "picture.block", image_id, f"{len(newly)} images blocked; {request.note}".rstrip("; ")
    )
    return BlockResult(image_id=image_id, blocked=tuple(newly), warnings=warnings)


def list_blocks(library: LibraryParts) -> Sequence[BlockedPicture]:
    """The block list."""
    return library.catalog.blocks.list()


def unblock_picture(library: LibraryParts, image_id: str) -> None:
    """Take a picture out of the block list; images that were blocked because of it stay so.

    Raises:
        UnknownImage: it is not in the list.
    """
    library.catalog.blocks.remove(image_id)
    written_down(library.catalog, "picture.unblock", image_id)


def _look_alikes(library: LibraryParts, image_id: str) -> list[str]:
    """Images of any visibility that have a blocked picture's bytes, or its shape and colours."""
    listed = BlockedPictures.listed_in(library.catalog).only(image_id)
    found: list[str] = []
    for block in library.catalog.vectors.blocks(library.require_live().fingerprint):
        blocked = listed.among(block.image_ids, block.columns, CollapseDuplicates())
        found += [one for one, is_blocked in zip(block.image_ids, blocked.tolist(), strict=True) if is_blocked]
    return list(dict.fromkeys(found))


def _with_its_details(library: LibraryParts, request: BlockRequest) -> tuple[list[str], tuple[str, ...]]:
    """Public images with the picture's details, and what to tell where they cannot be compared."""
    if not library.catalog.keypoints.are_kept():
        return [], ("altered copies (bordered, cut, tilted) are found only once `lookalike keypoints` was run",)
    query = Query.picture(request.content, verify=True, name=request.name)
    try:
        candidates = library.engine.ranker.rank(query, wanted=MANY_HITS).candidates
    except DependencyMissing as missing:
        return [], (f"altered copies were not looked for: {missing}",)
    behind = candidates.duplicates
    sure = [one for one, same in candidates.same_things.items() if same.inliers >= _SURE_INLIERS]
    return [other for one in sure for other in (one, *behind.get(one, ()))], ()
