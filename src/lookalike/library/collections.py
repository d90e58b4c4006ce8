"""Collections: named sets of images that searches can be limited to."""

from collections.abc import Sequence
from dataclasses import dataclass

from lookalike.catalog import Collection, content_id
from lookalike.errors import CallerError
from lookalike.library.parts import LibraryParts
from lookalike.regular_files import read_regular
from lookalike.settings import user_path

_ID_DIGITS = frozenset("0123456789abcdef")
_ID_LENGTH = 32


@dataclass(frozen=True, kw_only=True)
class CollectionChange:
    """What became of a change.

    Attributes:
        name: of the collection.
        changed: images that came in or went out.
        images: public images that are in it now.
    """

    name: str
    changed: int
    images: int


def list_collections(library: LibraryParts) -> Sequence[Collection]:
    """Every collection, by name."""
    return library.catalog.collections.list()


def add_to_collection(library: LibraryParts, name: str, images: Sequence[str]) -> CollectionChange:
    """Put images into a collection, which is made where there is none.

    Args:
        library: that has the images.
        name: of the collection.
        images: ids, or files with the bytes of images of the library.

    Raises:
        CallerError: the name cannot be one of a collection, or something is neither an id nor a file.
        UnknownImage: the library has no such image.
    """
    changed = library.catalog.collections.add(name, [_image_id(one) for one in images])
    return CollectionChange(name=name, changed=changed, images=_size(library, name))


def remove_from_collection(library: LibraryParts, name: str, images: Sequence[str]) -> CollectionChange:
    """Take images out of a collection; they stay in the library. See `add_to_collection`."""
    changed = library.catalog.collections.remove(name, [_image_id(one) for one in images])
    return CollectionChange(name=name, changed=changed, images=_size(library, name))


def delete_collection(library: LibraryParts, name: str) -> None:
    """Forget a collection; its images stay in the library.

    Raises:
        CallerError: there is none of that name.
    """
    library.catalog.collections.drop(name)


def _size(library: LibraryParts, name: str) -> int:
    return next((one.images for one in library.catalog.collections.list() if one.name == name), 0)


def _image_id(named: str) -> str:
    """The id that is meant by an id or by a file."""
    path = user_path(named)
    if len(named) == _ID_LENGTH and set(named) <= _ID_DIGITS and not path.exists():
        return named
    try:
        return content_id(read_regular(path)[0])
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise CallerError(f"{named}: cannot be read as a file ({reason}), and is not an image's id") from None
