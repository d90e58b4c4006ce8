"""Pictures that must not be shown."""

import builtins
from collections.abc import Hashable

from lookalike.catalog import blocks
from lookalike.catalog.blocks import BlockedPicture
from lookalike.catalog.database import Database
from lookalike.columns import ImageRow


class Blocks:
    """The block list: pictures that need not be in the library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, image_id: str, row: ImageRow, *, note: str = "") -> None:
        """Keep a picture; one that is there stays as it is.

        Args:
            image_id: of its bytes.
            row: what it looks like.
            note: why, in words.
        """
        with self._database.writing() as connection:
            blocks.write_block(connection, image_id, row, note)

    def list(self) -> builtins.list[BlockedPicture]:
        """Every picture, the oldest first."""
        with self._database.reading() as connection:
            return blocks.read_blocks(connection)

    def version(self) -> Hashable:
        """Differs where the list differs; cheap enough to ask at each search."""
        return tuple(self._database.glance(blocks.READ_VERSION))

    def remove(self, image_id: str) -> None:
        """Forget a picture; images that were blocked because of it stay so.

        Raises:
            UnknownImage: it is not in the list.
        """
        with self._database.writing() as connection:
            blocks.drop_block(connection, image_id)
