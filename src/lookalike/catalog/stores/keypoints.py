"""Keypoints of images, by the recipe that they were made with."""

from collections.abc import Mapping, Sequence

from lookalike.catalog import keypoints
from lookalike.catalog.database import Database
from lookalike.types import Image

_DROPPED_AT_ONCE = 1_000  # images a transaction, so that searches and clicks get in between


class StoredKeypoints:
    """Packed keypoints. They change no image: who searches sees them at once, and no index is due because of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, recipe: int, packed: Mapping[str, bytes]) -> None:
        """Keep keypoints, in place of those there are; those of images deleted meanwhile are left out.

        Args:
            recipe: the version of the code that made them; others cannot be compared with them.
            packed: by the id of the image.
        """
        with self._database.writing() as connection:
            keypoints.write_keypoints(connection, recipe, packed)

    def get(self, recipe: int, image_ids: Sequence[str]) -> dict[str, bytes]:
        """Packed keypoints by id, of those live images that have some of that recipe."""
        with self._database.reading() as connection:
            return keypoints.read_keypoints(connection, recipe, image_ids)

    def images_without(self, recipe: int, *, limit: int, after: str = "") -> list[Image]:
        """Live, readable images that have none of that recipe, in ascending order of id, from behind `after`."""
        with self._database.reading() as connection:
            return keypoints.without_keypoints(connection, recipe, limit=limit, after=after)

    def among(self, recipe: int, image_ids: Sequence[str]) -> set[str]:
        """Those of the live images that have some of that recipe."""
        with self._database.reading() as connection:
            return keypoints.with_keypoints(connection, recipe, image_ids)

    def are_kept(self) -> bool:
        """Whether any image has some, of any recipe: then those that come get some, too."""
        with self._database.reading() as connection:
            return keypoints.has_keypoints(connection)

    def drop(self) -> int:
        """Forget those of every image, in several transactions; of how many images they were."""
        dropped = 0
        while True:
            with self._database.writing() as connection:
                some = keypoints.drop_keypoints(connection, most=_DROPPED_AT_ONCE)
            dropped += some
            if some < _DROPPED_AT_ONCE:
                return dropped
