"""Live images: adding, changing, deleting, reading and listing them."""

from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO

from sqlalchemy import exists, select

from lookalike.catalog import additions as adding  # a method's argument has this name
from lookalike.catalog import images, moderation, recycle_bin, schema, sources
from lookalike.catalog.contents import OpenedContents
from lookalike.catalog.database import Database
from lookalike.catalog.quick_images import QuickImages
from lookalike.catalog.recent import RecentImages
from lookalike.catalog.records import (
    AdditionResult,
    BrowsePage,
    Deletion,
    ImageAddition,
    KnownImage,
    Outline,
    content_id,
    is_image_id,
)
from lookalike.catalog.stores.changes import ChangeSequence
from lookalike.catalog.stores.uploads import Uploads
from lookalike.errors import EnvironmentFault, ImageRefused, LibraryBusy, UnknownImage
from lookalike.types import Image, Visibility


class Images:
    """The images of the library."""

    def __init__(self, database: Database, uploads: Uploads, changes: ChangeSequence) -> None:
        self._database = database
        self._uploads = uploads
        self._changes = changes
        self._recent = RecentImages()
        self._contents = OpenedContents()
        self._quick = QuickImages(database.connect_apart) if database.is_file else None

    def add(self, additions: Sequence[ImageAddition]) -> list[AdditionResult]:
        """Add images, with their sources, uploads and vectors, in one transaction.

        An image that is there already keeps its owner, tags and visibility; it gains the source, the upload, the
        vector, and its size if it could not be read before. A path that held another image moves to this one; an image
        left with no path and no upload goes to the bin, and comes out of it as it was. One that was deleted on request
        stays so, unless `restore`.

        Returns:
            What became of each addition.

        Raises:
            VectorsRefused: a vector of another dimension than its model's others, not finite, or not of unit length.
        """
        uploaded = {addition.content_id: addition.upload for addition in additions if addition.upload is not None}
        new = self._uploads.put(uploaded)
        try:
            with self._database.changing() as change:
                self._uploads.put_missing(uploaded)
                results = adding.add_images(change, additions)
        except LibraryBusy:
            raise  # the bytes may stay until `collect_orphans`: removing them would wait for the same lock
        except BaseException:
            with suppress(EnvironmentFault):
                self._uploads.remove_orphans(new)
                self._uploads.settle(uploaded)
            raise
        kept_out = {
            addition.content_id
            for addition, result in zip(additions, results, strict=True)
            if result in {AdditionResult.KNOWN, AdditionResult.LEFT_OUT}
        }
        self._uploads.remove_orphans([image_id for image_id in new if image_id in kept_out])
        self._uploads.settle(uploaded)
        return results

    def update(
        self,
        image_id: str,
        *,
        visibility: Visibility | None = None,
        tags: Sequence[str] | None = None,
        owner_id: str | None = None,
    ) -> Image:
        """Change what is given, leave the rest; the image as it is then. An `owner_id` of "" means nobody.

        Raises:
            UnknownImage: there is none of that id.
            ImageHeld: moderation hides it, and it was to be public or private.
            CallerError: a tag or the owner is not text.
        """
        with self._database.changing() as change:
            return images.change_image(change, image_id, visibility=visibility, tags=tags, owner_id=owner_id)

    def delete(self, image_id: str) -> None:
        """Delete an image for good: finding its file again does not bring it back, `restore` does.

        Only its id, a change number and the reason stay, and what people decided about it in moderation; uploaded bytes
        are removed once that is on disk.

        Raises:
            UnknownImage: there is none of that id.
        """
        with self._database.changing() as change:
            images.read_image(change.connection, image_id)
            images.bury(change, [image_id], Deletion.REQUESTED)
            moderation.forget_undecided(change.connection, [image_id])
        self._uploads.remove_orphans([image_id])

    def get(self, image_id: str, *, visibility: Visibility | None = None) -> Image:
        """One live image.

        Args:
            image_id: which.
            visibility: only of this one; an image of another is then looked up in the same time as one that is not.

        Raises:
            UnknownImage: there is none of that id, it was deleted, or it is of another visibility.
        """
        with self._database.reading() as connection:
            return images.read_image(connection, image_id, visibility=visibility)

    def get_many(self, image_ids: Sequence[str], *, visibility: Visibility | None = None) -> dict[str, Image]:
        """The live ones among them, by id, in the order asked for, as they are now; others are left out.

        Args:
            image_ids: which.
            visibility: only those of this one; others are then looked up in the same time as those that are not there.
        """
        state = self._changes.state()
        recent = self._recent.at(state)
        known = {one: recent[one] for one in image_ids if one in recent}
        if visibility is not None:
            known = {one: image for one, image in known.items() if image.visibility is visibility}
        missing = [image_id for image_id in dict.fromkeys(image_ids) if image_id not in known]
        if missing:
            read = self._read(missing, visibility)
            self._recent.keep(state, read)
            known |= read
            return {image_id: known[image_id] for image_id in image_ids if image_id in known}
        return known

    def _read(self, image_ids: Sequence[str], visibility: Visibility | None) -> dict[str, Image]:
        if self._quick is not None:
            found = self._quick.read(image_ids, visibility=visibility)
            if found is not None:
                return found
        with self._database.reading() as connection:
            return images.read_images(connection, image_ids, visibility=visibility)

    def close(self) -> None:
        """Close the connections that are kept open."""
        if self._quick is not None:
            self._quick.close()

    def ids(self, visibility: Visibility) -> set[str]:
        """Those of all live, readable images of that visibility."""
        with self._database.reading() as connection:
            return images.read_ids(connection, visibility)

    def browse(
        self,
        *,
        after: str | None = None,
        limit: int = 50,
        visibility: Visibility | None = Visibility.PUBLIC,
        tag: str | None = None,
        readable: bool = True,
    ) -> BrowsePage:
        """A page of images, newest first.

        Args:
            after: `BrowsePage.next` of the page before.
            limit: how many images at most.
            visibility: only images of this one; all where None.
            tag: only images with this tag.
            readable: leave out images that could not be read.

        Raises:
            CursorRefused: `after` is damaged.
        """
        with self._database.reading() as connection:
            return images.browse(
                connection, after=after, limit=limit, visibility=visibility, tag=tag, readable=readable
            )

    def outline(self, *, after: str, limit: int, every: int, tag: str | None = None) -> Outline:
        """The sizes of all public, readable images that follow, newest first, as `browse` lists them.

        Args:
            after: `BrowsePage.next` of a page.
            limit: how many images at most.
            every: images on each of the pages that the outline gives cursors of.
            tag: only images with this tag.

        Raises:
            CursorRefused: `after` is damaged.
        """
        with self._database.reading() as connection:
            return images.outline(connection, after=after, limit=limit, every=every, tag=tag)

    def content(self, image_id: str) -> bytes:
        """The image's bytes, from its upload or any file it was seen at. Raises as `open_content` does."""
        with self.open_content(image_id) as file:
            content = file.read()
        if content_id(content) != image_id:  # it is being written to
            raise _gone(image_id)
        return content

    def open_content(self, image_id: str) -> BinaryIO:
        """The same as a file, which the caller closes.

        Raises:
            UnknownImage: there is none of that id, or it was deleted.
            ImageRefused: the bytes are gone; reason `unreadable`.
        """
        of_id = schema.images.c.id == (image_id if is_image_id(image_id) else "")
        with self._database.reading() as connection:
            if not connection.execute(select(exists().where(of_id))).scalar_one():
                raise UnknownImage.of(image_id)
            files = sources.paths_of(connection, [image_id]).get(image_id, [])
        opened, differing = self._contents.open(image_id, self._uploads.originals, files)
        if differing:
            with suppress(EnvironmentFault), self._database.writing() as connection:  # a library may be read-only
                sources.distrust(connection, differing)
        if opened is None:
            raise _gone(image_id)
        return opened

    def known(self, fingerprint: str, image_id: str) -> KnownImage | None:
        """What bytes of that id look like, where they need be neither decoded nor embedded by that model again."""
        with self._database.reading() as connection:
            return recycle_bin.read_known(connection, fingerprint, image_id)


def _gone(image_id: str) -> ImageRefused:
    return ImageRefused(image_id, "unreadable", "its file is gone, unreadable, or has changed; run `lookalike index`")
