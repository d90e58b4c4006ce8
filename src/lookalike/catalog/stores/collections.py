"""Named sets of images."""

from collections.abc import Mapping, Sequence

from lookalike.catalog import collections
from lookalike.catalog.collections import Collection
from lookalike.catalog.database import Database
from lookalike.types import Image, Visibility


class Collections:
    """Named sets of images. They change no image; an image that is deleted and comes back is in them as before."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, image_ids: Sequence[str], *, visibility: Visibility | None = None) -> int:
        """Put images into a collection, which is made where there is none; all or none.

        Args:
            name: of the collection.
            image_ids: of live images.
            visibility: only images of this one are known; None for all.

        Returns:
            How many were not in it before.

        Raises:
            CallerError: the name cannot be one of a collection.
            UnknownImage: there is no such image.
        """
        with self._database.writing() as connection:
            return collections.add_to_collection(connection, name, image_ids, visibility=visibility)

    def remove(self, name: str, image_ids: Sequence[str]) -> int:
        """Take images out of a collection; how many were in it.

        Raises:
            CallerError: there is none of that name.
        """
        with self._database.writing() as connection:
            return collections.take_from_collection(connection, name, image_ids)

    def change(
        self, name: str, *, add: Sequence[str], remove: Sequence[str], visibility: Visibility | None = None
    ) -> None:
        """Put images into a collection and take others out, in one transaction; see `add` and `remove`."""
        with self._database.writing() as connection:
            if add:
                collections.add_to_collection(connection, name, add, visibility=visibility)
            collections.take_from_collection(connection, name, remove)

    def drop(self, name: str) -> None:
        """Forget a collection; its images stay in the library.

        Raises:
            CallerError: there is none of that name.
        """
        with self._database.writing() as connection:
            collections.drop_collection(connection, name)

    def list(self) -> Sequence[Collection]:
        """Every collection, by name."""
        with self._database.reading() as connection:
            return collections.read_collections(connection)

    def images(self, name: str, *, after: str = "", limit: int = 100) -> Sequence[Image]:
        """The public, readable images of a collection in order of id.

        Args:
            name: of the collection.
            after: the last id of the page before.
            limit: how many at most.

        Raises:
            CallerError: there is none of that name.
        """
        with self._database.reading() as connection:
            return collections.read_images_of(connection, name, after=after, limit=limit)

    def version(self, name: str) -> str:
        """What changes with each change of a collection's images.

        Raises:
            CallerError: there is none of that name.
        """
        with self._database.reading() as connection:
            return collections.version_of(connection, name)

    def members(self, name: str) -> Sequence[str]:
        """Ids of the images in a collection, of whatever visibility, and of images that are gone."""
        with self._database.reading() as connection:
            return collections.member_ids(connection, name)

    def counts_among(self, image_ids: Sequence[str]) -> Mapping[str, int]:
        """How many of those images are in each collection that has any of them."""
        with self._database.reading() as connection:
            return collections.counts_among(connection, image_ids)
