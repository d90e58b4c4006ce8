"""Taking folders and images out of a library because somebody said so; files are never touched."""

import os
from dataclasses import asdict, dataclass

from lookalike.catalog import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was taken out, or would be.

    Attributes:
        what: the path, or the image's id.
        files: paths that the library does not know any more.
        images: images that went with them.
        kept: images that stay, for they were uploaded or are at other paths too.
        comes_back: whether they come back as they were when the path is indexed by name.
    """

    what: str
    files: int
    images: int
    kept: int
    comes_back: bool

    def as_document(self) -> dict[str, object]:
        """For programs."""
        return asdict(self)


def forget_path(catalog: Catalog, path: str, *, for_good: bool, dry_run: bool) -> Forgotten:
    """Take out what was seen at an absolute path and below it; later runs leave it out until it is named itself.

    Args:
        catalog: the library's.
        path: absolute.
        for_good: keep nothing in the bin.
        dry_run: only count.
    """
    below = catalog.sources.below(path)
    ids = {state.image_id for state in below.values() if state.image_id is not None and not state.deleted}
    if dry_run:
        files, images = catalog.sources.count_forgotten_below(path)
    else:
        there = os.path.lexists(path)  # what is gone need not be left out, and may be another folder when it returns
        files, images = catalog.sources.forget_below(path, leave_out=there, for_good=for_good)
    return Forgotten(what=path, files=files, images=images, kept=len(ids) - images, comes_back=not for_good)


def forget_image(catalog: Catalog, image_id: str, *, dry_run: bool) -> Forgotten:
    """Delete an image with all that is known of it; its files are left out by later runs.

    Raises:
        UnknownImage: there is none of that id.
    """
    catalog.images.get(image_id)
    files = len(catalog.sources.files_of([image_id]).get(image_id, []))
    if not dry_run:
        catalog.images.delete(image_id)
    return Forgotten(what=image_id, files=files, images=1, kept=0, comes_back=False)
