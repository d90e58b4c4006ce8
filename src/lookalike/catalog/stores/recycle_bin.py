"""Images whose last file is gone, until they come back or are thrown away."""

from collections.abc import Sequence
from datetime import datetime

from lookalike.catalog import recycle_bin
from lookalike.catalog.changing import chunks
from lookalike.catalog.database import Database


class RecycleBin:
    """The bin."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def among(self, image_ids: Sequence[str]) -> set[str]:
        """Those of them that are in the bin, and come back as they were with a file."""
        with self._database.reading() as connection:
            return recycle_bin.read_ids(connection, image_ids)

    def empty(self, *, older_than: datetime) -> int:
        """Throw away what went to the bin before a time; how many images.

        In several transactions, so that others write meanwhile. Of private and blocked images the record is kept,
        without vectors, so that they never come back public.
        """
        with self._database.reading() as connection:
            old = recycle_bin.read_old(connection, older_than=older_than)
        emptied = 0
        for chunk in chunks(old):
            with self._database.changing() as change:
                emptied += recycle_bin.empty(change, chunk, older_than=older_than)
        return emptied
