"""Uploaded bytes, kept in step with the records of their images."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import select

from lookalike.blobs import Blobs
from lookalike.catalog import images, schema
from lookalike.catalog.changing import chunks
from lookalike.catalog.database import Database

logger = logging.getLogger(__name__)

KEEP_REMOVED = timedelta(days=30)
"""How long what was removed is kept, where nothing else is set."""

_COLLECTED_AT_ONCE = 50  # files looked at, some deleted, while nothing else can be written
_UPLOAD_SECONDS = 3600.0  # an upload that has not ended after so long was killed


class Uploads:
    """Which images were uploaded, and the bytes that have no record (yet, or any more).

    Attributes:
        originals: the folder of uploaded bytes.
    """

    def __init__(self, database: Database, originals: Blobs) -> None:
        self._database = database
        self.originals = originals

    def among(self, image_ids: Sequence[str]) -> set[str]:
        """Those of them that are live and whose bytes were uploaded."""
        with self._database.reading() as connection:
            return images.with_upload(connection, image_ids)

    def ids(self) -> list[str]:
        """The ids of all live images that were uploaded, ascending."""
        with self._database.reading() as connection:
            uploaded = select(schema.images.c.id).where(schema.images.c.has_upload.is_(True))
            return list(connection.execute(uploaded.order_by(schema.images.c.id)).scalars())

    def put(self, contents: Mapping[str, bytes]) -> list[str]:
        """Keep those bytes by id, in place of damaged ones too, marked as incoming; the ids that were not here."""
        new = [image_id for image_id in contents if not self.originals.has(image_id)]
        for image_id, content in contents.items():
            self.originals.put(image_id, content)
        return new

    def put_missing(self, contents: Mapping[str, bytes]) -> None:
        """Keep those of them that were deleted since `put`; in a changing transaction they stay until it ends.

        Whoever deletes bytes does so in a changing transaction.
        """
        for image_id, content in contents.items():
            if not self.originals.has(image_id):
                self.originals.put(image_id, content)

    def settle(self, image_ids: Iterable[str]) -> None:
        """These uploads have their records, or their bytes are gone: they are not incoming any more."""
        self.originals.settle(image_ids)

    def remove_orphans(self, image_ids: Sequence[str]) -> int:
        """Remove at once the bytes of those that have no record; how many."""
        removed = 0
        for chunk in chunks(image_id for image_id in image_ids if self.originals.has(image_id)):
            with self._database.changing() as change:
                kept = images.with_upload(change.connection, chunk)
                for image_id in chunk:
                    if image_id not in kept:
                        self.originals.remove(image_id)
                        removed += 1
        return removed

    def collect_orphans(self, *, keep: timedelta = KEEP_REMOVED) -> int:
        """Note which uploaded bytes no image has, and delete those that none has had for long.

        A crash leaves such bytes; so does a catalog put back from a backup, for the uploads that came after it.

        Args:
            keep: how long they stay, in case their record comes back.

        Returns:
            How many files were noted or deleted.
        """
        collected = self.originals.remove_abandoned_parts()
        for image_ids in chunks(self.originals.ids(), _COLLECTED_AT_ONCE):
            collected += self._collect(image_ids, keep)
        return collected

    def _collect(self, image_ids: Sequence[str], keep: timedelta) -> int:
        noted = deleted = unknown = 0
        orphans = self.originals.orphans()
        recorded = self.among(image_ids)
        image_ids = [image_id for image_id in image_ids if image_id not in recorded or image_id in orphans]
        if not image_ids:
            return 0
        with self._database.changing() as change:  # nothing gets its record meanwhile
            known = images.with_upload(change.connection, image_ids)
            requested = images.deleted_on_request(change.connection, image_ids)
            for image_id in known & orphans.keys():
                self.originals.not_orphan(image_id)
            for image_id in set(image_ids) - known:
                incoming = self.originals.incoming_for(image_id)
                if image_id in requested or orphans.get(image_id, -1.0) > keep.total_seconds():
                    self.originals.remove(image_id)
                    deleted += 1
                elif image_id not in orphans and (incoming is None or incoming > _UPLOAD_SECONDS):
                    self.originals.orphan(image_id)
                    noted += 1
                    unknown += incoming is None
        if unknown:
            logger.warning(
                "%d uploads have no record in this catalog; their bytes stay for %d days", unknown, keep.days
            )
        return noted + deleted
