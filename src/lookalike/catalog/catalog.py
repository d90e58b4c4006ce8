"""The catalog: every read and write of the only truth, each write one durable transaction."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, delete, exists, insert, select
from sqlalchemy.exc import SQLAlchemyError

from lookalike.catalog import (
    additions as adding,  # the methods' arguments have these names
)
from lookalike.catalog import (
    changing,
    checking,
    contents,
    counting,
    folders,
    grades,
    images,
    interactions,
    people,
    recycle_bin,
    schema,
    sources,
    vectors,
)
from lookalike.catalog.changing import Changing
from lookalike.catalog.copying import copy_sqlite
from lookalike.catalog.engine import (
    describe_url,
    is_read_only,
    is_replaced,
    make_engine,
    parse_url,
    reading,
    statement_at_a_time,
    storage_errors,
    writing,
)
from lookalike.catalog.grades import JudgementSet
from lookalike.catalog.migrating import bring_up_to_date
from lookalike.catalog.originals import Originals
from lookalike.catalog.recent import RecentImages
from lookalike.catalog.records import (
    BrowsePage,
    CatalogCounts,
    CatalogState,
    Change,
    ChangesSince,
    Deletion,
    ImageAddition,
    IndexedFolder,
    KnownImage,
    LiveModel,
    LiveSince,
    Outline,
    QueryRecord,
    SourceFailure,
    SourceFile,
    SourceState,
    VectorBlock,
    is_image_id,
)
from lookalike.catalog.vectors import VectorReading
from lookalike.columns import ImageRows
from lookalike.errors import EnvironmentFault, ImageRefused, LibraryBusy, StorageFailed, UnknownImage
from lookalike.types import Grade, Image, Interaction, User, Vectors, Visibility

if TYPE_CHECKING:
    import sqlite3

logger = logging.getLogger(__name__)

BUSY_SECONDS = 60.0
KEEP_REMOVED = timedelta(days=30)
"""How long what was removed is kept, where nothing else is set."""
_UPLOAD_SECONDS = 3600.0  # an upload that has not ended after so long was killed


class Catalog:
    """The images of a library, and all that is known about them; safe to use from many threads and processes.

    Each writing method is one transaction and on disk when it returns. Every method may raise `StorageFailed` (the
    disk is full, read-only or failing; the server is out of reach) and every writing one `LibraryBusy` (another process
    held the lock for a minute); then nothing of that call was stored.

    Made by `open`.
    """

    def __init__(self, engine: Engine, originals: Originals, *, busy_seconds: float) -> None:
        self._engine = engine
        self._readers = reading(engine)
        self._writers = writing(engine)
        self._singles = statement_at_a_time(engine)
        self._sequence_connections: deque[Connection] = deque()
        self._busy_seconds = busy_seconds
        # Writers of this process queue here, where waking takes microseconds; SQLite's own waiting sleeps up to 0.1 s.
        self._turn = threading.Lock()
        self._originals = originals
        self._recent = RecentImages()
        self.describe = describe_url(engine.url)
        self.url = engine.url.render_as_string(hide_password=True)
        with self._reading() as connection:
            self.library_id: str = connection.execute(select(schema.library.c.library_id)).scalar_one()

    @classmethod
    def open(cls, url: str, *, originals: Path, busy_seconds: float = BUSY_SECONDS) -> Self:
        """Open the catalog at that URL, creating or migrating its tables.

        Args:
            url: `sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`.
            originals: the folder of uploaded bytes; made when the first upload comes.
            busy_seconds: how long a writer waits for other processes.

        Raises:
            LibraryTooNew: a newer program wrote it; nothing was changed.
            StorageFailed: the place cannot be written to or is no database.
            DependencyMissing: PostgreSQL without psycopg.
            ValueError: another kind of URL.
        """
        parsed = parse_url(url)
        where = describe_url(parsed)
        if parsed.get_backend_name() == "sqlite":
            _make_file(Path(str(parsed.database)), where)
        engine = make_engine(parsed, busy_seconds=busy_seconds)
        try:
            with storage_errors(where):
                bring_up_to_date(engine, busy_seconds=busy_seconds)
            return cls(engine, Originals(originals), busy_seconds=busy_seconds)
        except BaseException:
            engine.dispose()
            raise

    def close(self) -> None:
        """Close every connection."""
        self._close_sequence_connections()
        self._engine.dispose()

    def _close_sequence_connections(self) -> None:
        with suppress(IndexError):  # other threads take from it meanwhile
            while True:
                self._sequence_connections.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with storage_errors(self.describe), self._readers.connect() as connection:
            yield connection

    @property
    def read_only(self) -> bool:
        """Whether the catalog can only be read now: every writing method raises `StorageFailed`."""
        return is_read_only(self._engine.url)

    @contextmanager
    def _writing(self) -> Iterator[Changing]:
        if not self._turn.acquire(timeout=self._busy_seconds):
            raise LibraryBusy(f"{self.describe}: another thread has been writing for {self._busy_seconds:g} s")
        try:
            if self.read_only:
                raise StorageFailed(f"{self.describe}: the library can only be read here; nothing was changed")
            with storage_errors(self.describe), self._writers.begin() as connection:
                change = Changing(connection)
                yield change
                change.finish()
        finally:
            self._turn.release()

    # -- writing images

    def add_images(self, additions: Sequence[ImageAddition]) -> list[bool]:
        """Add images, with their sources, uploads and vectors, in one transaction.

        An image that is there already keeps its owner, tags and visibility; it gains the source, the upload, the
        vector, and its size if it could not be read before. A path that held another image moves to this one; an image
        left with no path and no upload goes to the bin, and comes out of it as it was. One that was deleted on request
        stays so, unless `restore`.

        Returns:
            True where the image is new, or came back.

        Raises:
            VectorsRefused: a vector of another dimension than its model's others, not finite, or not of unit length.
        """
        uploads = {addition.content_id: addition.upload for addition in additions if addition.upload is not None}
        new = [image_id for image_id in uploads if not self._originals.has(image_id)]
        for image_id, content in uploads.items():
            self._originals.put(image_id, content)
        try:
            with self._writing() as change:
                for image_id, content in uploads.items():
                    # Whoever deletes bytes does so holding the same lock: what is here now stays until we commit.
                    if not self._originals.has(image_id):
                        self._originals.put(image_id, content)
                added = adding.add_images(change, additions)
        except LibraryBusy:
            raise  # the bytes may stay until `collect_orphans`: removing them would wait for the same lock
        except BaseException:
            with suppress(EnvironmentFault):
                self._remove_orphans(new)
                self._originals.settle(uploads)
            raise
        refused = [one.content_id for one, made in zip(additions, added, strict=True) if one.upload and not made]
        self._remove_orphans([image_id for image_id in refused if image_id in new])
        self._originals.settle(uploads)
        return added

    def update_image(
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
            CallerError: a tag or the owner is not text.
        """
        with self._writing() as change:
            return images.change_image(change, image_id, visibility=visibility, tags=tags, owner_id=owner_id)

    def delete_image(self, image_id: str) -> None:
        """Delete an image for good: finding its file again does not bring it back, `restore` does.

        Only its id, a change number and the reason stay; uploaded bytes are removed once that is on disk.

        Raises:
            UnknownImage: there is none of that id.
        """
        with self._writing() as change:
            images.read_image(change.connection, image_id)
            images.bury(change, [image_id], Deletion.REQUESTED)
        self._remove_orphans([image_id])

    def forget_sources(self, paths: Sequence[str]) -> int:
        """Drop files that are gone. Images left with no file and no upload go to the bin, and come back with a file.

        Returns:
            How many images went to the bin.
        """
        with self._writing() as change:
            return sources.forget(change, paths)

    def forget_below(self, path: str, *, leave_out: bool = True, for_good: bool = False) -> tuple[int, int]:
        """Drop what was seen at a path and below it.

        Args:
            path: absolute.
            leave_out: runs over folders above it do not look there from now on.
            for_good: keep nothing of the images in the bin.

        Returns:
            How many files were dropped, and how many images went with them: those seen nowhere else and not uploaded.
        """
        with self._writing() as change:
            found = sources.read_sources(change.connection, path)
            removed = sources.forget(change, found)
            if for_good:
                recycle_bin.remove(change, {state.image_id for state in found.values() if state.image_id})
            folders.write_forgotten(change, path, leave_out=leave_out)
            return len(found), removed

    def count_forgotten_below(self, path: str) -> tuple[int, int]:
        """What `forget_below` would say, with nothing changed."""
        with self._reading() as connection:
            return sources.count_abandoned(connection, path)

    def empty_bin(self, *, older_than: datetime) -> int:
        """Throw away what went to the bin before a time; how many images.

        Of private and blocked images the record is kept, without vectors, so that they never come back public.
        """
        with self._writing() as change:
            return recycle_bin.empty(change, older_than=older_than)

    def note_unchanged(self, files: Sequence[SourceFile]) -> None:
        """Record how known files look now whose bytes are the same, and that they are not missing any more."""
        with self._writing() as change:
            sources.note_unchanged(change, files)

    def note_missing(self, paths: Sequence[str]) -> None:
        """Record that files were not found though nobody said to forget them; what is known of them stays."""
        with self._writing() as change:
            sources.note_missing(change, paths)

    def record_runs(self, paths: Sequence[str]) -> None:
        """Record that those folders and files were just indexed by name."""
        with self._writing() as change:
            folders.write_runs(change, paths)

    def remove_folders(self, paths: Sequence[str]) -> None:
        """Drop the record that those folders were indexed by name, or are to be left out; images stay."""
        with self._writing() as change:
            folders.remove(change, paths)

    def record_source_failures(self, failures: Sequence[SourceFailure]) -> None:
        """Record paths that could not be read; an image seen at one stays until the file is known to be gone."""
        with self._writing() as change:
            sources.write_failures(change, failures)

    def add_vectors(
        self, fingerprint: str, image_ids: Sequence[str], vectors_of: Vectors, columns: ImageRows | None = None
    ) -> None:
        """Keep a model's vectors of images; those of images deleted meanwhile are left out.

        Args:
            fingerprint: of the model.
            image_ids: one for each row.
            vectors_of: [images, dimension] unit rows; kept as float16.
            columns: [images], what was seen of them; kept where not everything was known, as of images that an
                earlier version indexed.

        Raises:
            VectorsRefused: another dimension than the model's others, not finite, or not of unit length.
        """
        with self._writing() as change:
            vectors.add_vectors(change, fingerprint, image_ids, vectors_of, columns)

    def collect_orphans(self, *, keep: timedelta = KEEP_REMOVED) -> int:
        """Note which uploaded bytes no image has, and delete those that none has had for long.

        A crash leaves such bytes; so does a catalog put back from a backup, for the uploads that came after it.

        Args:
            keep: how long they stay, in case their record comes back.

        Returns:
            How many files were noted or deleted.
        """
        collected = self._originals.remove_abandoned_parts()
        for chunk in changing.chunks(self._originals.ids()):
            collected += self._collect(chunk, keep)
        return collected

    def _collect(self, image_ids: Sequence[str], keep: timedelta) -> int:
        noted = deleted = unknown = 0
        orphans = self._originals.orphans()
        with self._writing() as change:  # nothing gets its record meanwhile
            known = images.with_upload(change.connection, image_ids)
            requested = images.deleted_on_request(change.connection, image_ids)
            for image_id in known & orphans.keys():
                self._originals.not_orphan(image_id)
            for image_id in set(image_ids) - known:
                incoming = self._originals.incoming_for(image_id)
                if image_id in requested or orphans.get(image_id, -1.0) > keep.total_seconds():
                    self._originals.remove(image_id)
                    deleted += 1
                elif image_id not in orphans and (incoming is None or incoming > _UPLOAD_SECONDS):
                    self._originals.orphan(image_id)
                    noted += 1
                    unknown += incoming is None
        if unknown:
            logger.warning(
                "%d uploads have no record in this catalog; their bytes stay for %d days", unknown, keep.days
            )
        return noted + deleted

    def _remove_orphans(self, image_ids: Sequence[str]) -> int:
        removed = 0
        candidates = [image_id for image_id in image_ids if self._originals.has(image_id)]
        for chunk in changing.chunks(candidates):
            with self._writing() as change:
                kept = images.with_upload(change.connection, chunk)
                for image_id in chunk:
                    if image_id not in kept:
                        self._originals.remove(image_id)
                        removed += 1
        return removed

    # -- reading images

    def image(self, image_id: str, *, visibility: Visibility | None = None) -> Image:
        """One live image.

        Args:
            image_id: which.
            visibility: only of this one; an image of another is then looked up in the same time as one that is not.

        Raises:
            UnknownImage: there is none of that id, it was deleted, or it is of another visibility.
        """
        with self._reading() as connection:
            return images.read_image(connection, image_id, visibility=visibility)

    def images(self, image_ids: Sequence[str], *, visibility: Visibility | None = None) -> dict[str, Image]:
        """The live ones among them, by id, in the order asked for, as they are now; others are left out.

        Args:
            image_ids: which.
            visibility: only those of this one; others are then looked up in the same time as those that are not there.
        """
        state = self.state()
        known = self._recent.at(state)
        if visibility is not None:
            known = {one: known[one] for one in image_ids if one in known and known[one].visibility is visibility}
        missing = [image_id for image_id in dict.fromkeys(image_ids) if image_id not in known]
        if missing:
            with self._reading() as connection:
                read = images.read_images(connection, missing, visibility=visibility)
            self._recent.keep(state, read)
            known = known | read
        return {image_id: known[image_id] for image_id in image_ids if image_id in known}

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
        with self._reading() as connection:
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
        with self._reading() as connection:
            return images.outline(connection, after=after, limit=limit, every=every, tag=tag)

    def counts(self) -> CatalogCounts:
        """How many of each thing there are, all of one moment."""
        with self._reading() as connection:
            return counting.read_counts(connection)

    def content(self, image_id: str) -> bytes:
        """The image's bytes, from its upload or any file it was seen at.

        Raises:
            UnknownImage: there is none of that id, or it was deleted.
            ImageRefused: the bytes are not to be had any more; reason `unreadable`.
        """
        with self._reading() as connection:
            if not connection.execute(select(exists().where(schema.images.c.id == _printable(image_id)))).scalar_one():
                raise UnknownImage.of(image_id)
            files = sources.paths_of(connection, [image_id]).get(image_id, [])
        content, differing = contents.read_content(image_id, self._originals, files)
        if differing:
            with suppress(EnvironmentFault), self._writing() as change:  # a library may be read-only
                sources.distrust(change, differing)
        if content is None:
            raise ImageRefused(
                image_id, "unreadable", "its file is gone, unreadable, or has changed; run `lookalike index`"
            )
        return content

    def unreadable(self, limit: int = 100) -> list[tuple[str, str]]:
        """(path, or id of an upload; reason in words) of what could not be read."""
        with self._reading() as connection:
            return counting.read_unreadable(connection, limit)

    def sources(self, under: str) -> dict[str, SourceState]:
        """What was last seen at `under` and at every path below it, by path, in order."""
        with self._reading() as connection:
            return sources.read_sources(connection, under)

    def image_ids_at(self, paths: Iterable[str]) -> dict[str, str]:
        """The id of the image last seen at each of those paths, where one was; it may have been deleted since."""
        with self._reading() as connection:
            return sources.read_image_ids(connection, paths)

    def paths(self, image_ids: Sequence[str]) -> dict[str, list[SourceFile]]:
        """The files each image was seen in, by id: those that are not missing first, the first seen first."""
        with self._reading() as connection:
            return sources.paths_of(connection, image_ids)

    def copies_elsewhere(self, under: str) -> list[tuple[SourceFile, str]]:
        """(file, image id) of files that are not below `under`, of images that were also seen at it or below it."""
        with self._reading() as connection:
            return sources.read_copies_elsewhere(connection, under)

    def sample_files(self, count: int, *, seed: int = 0) -> list[tuple[SourceFile, str]]:
        """(file, image id) of at most so many files whose bytes were read, drawn at random."""
        with self._reading() as connection:
            return sources.sample(connection, count, seed=seed)

    def known_image(self, fingerprint: str, image_id: str) -> KnownImage | None:
        """What bytes of that id look like, where they need be neither decoded nor embedded by that model again."""
        with self._reading() as connection:
            return recycle_bin.read_known(connection, fingerprint, image_id)

    def uploaded(self, image_ids: Sequence[str]) -> set[str]:
        """Those of them that are live and whose bytes were uploaded."""
        with self._reading() as connection:
            return images.with_upload(connection, image_ids)

    def in_bin(self, image_ids: Sequence[str]) -> set[str]:
        """Those of them whose last file is gone, and which come back as they were with a file."""
        with self._reading() as connection:
            return recycle_bin.read_ids(connection, image_ids)

    def indexed_folders(self) -> list[IndexedFolder]:
        """Every folder and file that was indexed by name, by path, with how much of the library is below it."""
        with self._reading() as connection:
            return folders.read_indexed(connection)

    def folder_names(self) -> list[str]:
        """The paths of `indexed_folders` that are recorded, without counting."""
        with self._reading() as connection:
            return folders.read_names(connection)

    def forgotten_paths(self) -> list[str]:
        """Paths that runs over folders above them leave out, because somebody had them forgotten."""
        with self._reading() as connection:
            return folders.read_forgotten(connection)

    # -- vectors

    def vectors(self, fingerprint: str, image_ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """[dimension] float32 by id, of those live images that this model has a vector of."""
        with self._reading() as connection:
            return vectors.read_vectors(connection, fingerprint, image_ids)

    @contextmanager
    def vectors_at(self, fingerprint: str) -> Iterator[VectorReading]:
        """All vectors of a model and the watermark they belong to, as of one moment, while the context is open."""
        with self._reading() as connection:
            yield VectorReading(connection, fingerprint)

    def vector_blocks(self, fingerprint: str, *, block: int = 10_000) -> Iterator[VectorBlock]:
        """Live images with a vector of that model, in ascending order of id, as of one moment."""
        with self.vectors_at(fingerprint) as now:
            yield from now.blocks(block)

    def images_without_vectors(
        self, fingerprint: str, *, limit: int, after: str = "", or_columns: bool = False
    ) -> list[Image]:
        """Live, readable images this model has no vector of, in ascending order of id.

        Args:
            fingerprint: of the model.
            limit: how many images at most.
            after: only images of a higher id.
            or_columns: also those that an earlier version indexed, of which not all is known that is kept now.
        """
        with self._reading() as connection:
            return vectors.without_vectors(connection, fingerprint, limit=limit, after=after, or_columns=or_columns)

    # -- the change sequence

    def sequence(self) -> int:
        """The number of the newest change; cheap enough to ask at each search."""
        return self.state().sequence

    def state(self) -> CatalogState:
        """The moment the catalog is at; cheap enough to ask at each search."""
        with storage_errors(self.describe):
            connection = self._sequence_connection()
            try:
                state = changing.as_state(connection.execute(changing.READ_STATE).one())
            except SQLAlchemyError:
                connection.close()
                self._close_sequence_connections()  # a server that was restarted has dropped the others too
                raise
            self._sequence_connections.append(connection)
            return state

    def _sequence_connection(self) -> Connection:
        try:
            connection = self._sequence_connections.pop()
        except IndexError:
            return self._singles.connect()
        if not is_replaced(connection):
            return connection
        connection.close()  # the pool opens the file that is there now
        self._close_sequence_connections()
        return self._singles.connect()

    def has_been(self, state: CatalogState) -> bool:
        """Whether that state is in this catalog's past. It is not, once an older or another catalog takes its place."""
        with self._reading() as connection:
            return changing.is_past(connection, state)

    def changes_since(self, state: CatalogState, *, fingerprint: str) -> ChangesSince | None:
        """What changed since the catalog was in that state.

        Args:
            state: the state to go on from.
            fingerprint: of the model whose vectors are wanted.

        Returns:
            None where the catalog was never in that state: another one, or an older one, has taken its place.
        """
        with self._reading() as connection:
            return vectors.read_changes_since(connection, state, fingerprint=fingerprint)

    def changes(self, *, after: int, fingerprint: str, limit: int = 10_000) -> list[Change]:
        """What changed above a watermark, oldest first, each image once, in its newest state.

        Ask again with the last one's `sequence` until fewer than `limit` come.
        """
        with self._reading() as connection:
            return vectors.read_changes(connection, after=after, fingerprint=fingerprint, limit=limit)

    # -- the model that answers

    def live_model(self) -> LiveModel | None:
        """The model whose vectors answer searches; None before the first."""
        columns = schema.live_model.c
        with self._reading() as connection:
            row = connection.execute(select(columns.name, columns.fingerprint, columns.dimension)).one_or_none()
            return None if row is None else LiveModel(*row)

    def set_live_model(self, model: LiveModel, *, because: str = "") -> None:
        """Make it the model that answers, in one step that the history remembers.

        Args:
            model: whose vectors answer from now on.
            because: why, for people.
        """
        values = {"name": model.name, "fingerprint": model.fingerprint, "dimension": model.dimension}
        step = {**values, "since": datetime.now(UTC), "because": because}
        with self._writing() as change:
            change.connection.execute(delete(schema.live_model))
            change.connection.execute(insert(schema.live_model).values({"id": 1, **values}))
            change.connection.execute(insert(schema.model_history).values(step))

    def model_history(self) -> list[LiveSince]:
        """Every model that became live here, the newest step first."""
        columns = schema.model_history.c
        wanted = select(columns.name, columns.fingerprint, columns.dimension, columns.since, columns.because)
        with self._reading() as connection:
            rows = connection.execute(wanted.order_by(columns.number.desc())).all()
        return [LiveSince(model=LiveModel(*row[:3]), since=row.since, because=row.because) for row in rows]

    # -- queries and what people did

    def record_queries(self, queries: Sequence[QueryRecord]) -> None:
        """Keep answered searches; of one whose id is known already, its hits where it has more now."""
        with self._writing() as change:
            interactions.write_queries(change, queries)

    def query(self, query_id: str) -> QueryRecord | None:
        """An answered search, while it is kept."""
        with self._reading() as connection:
            return interactions.read_query(connection, query_id)

    def followed_queries(self, *, block: int = 1_000) -> Iterator[QueryRecord]:
        """Searches with whose hits something was done, in the order of their ids, read in blocks."""
        after = ""
        while True:
            with self._reading() as connection:
                found = interactions.read_followed_queries(connection, after=after, limit=block)
            yield from found
            if len(found) < block:
                return
            after = found[-1].id

    def interactions(self, *, block: int = 10_000) -> Iterator[Interaction]:
        """What was done with hits, in the order of event ids, read in blocks."""
        after = ""
        while True:
            with self._reading() as connection:
                found = interactions.read_interactions(connection, after=after, limit=block)
            yield from found
            if len(found) < block:
                return
            after = found[-1].event_id

    def record_interactions(self, events: Sequence[Interaction]) -> int:
        """Keep what people did, all of it or nothing; an event id that is known already is left out.

        Returns:
            How many were not known.

        Raises:
            EventRefused: the message numbers the event (from 0) whose query is unknown, whose image is neither public
                nor among that query's hits, or whose values make no sense.
        """
        with self._writing() as change:
            return interactions.write_interactions(change, events)

    def forget_queries(self, *, older_than: datetime, keep_with_interactions: bool = True) -> int:
        """Drop searches from before a time; how many.

        Args:
            older_than: a time with a zone.
            keep_with_interactions: keep those that people acted on; otherwise their interactions are dropped with them.
        """
        with self._writing() as change:
            return interactions.forget_queries(
                change, older_than=older_than, keep_with_interactions=keep_with_interactions
            )

    # -- people

    def add_users(self, users: Sequence[User]) -> None:
        """Add users, or replace what is known of them.

        Raises:
            CallerError: a value is not text, or the age makes no sense.
        """
        with self._writing() as change:
            people.write_users(change, users)

    def user(self, user_id: str) -> User | None:
        """The user of that id."""
        with self._reading() as connection:
            return people.read_user(connection, user_id)

    # -- judgements

    def add_grades(self, given: Sequence[Grade], *, rule: str | None = None) -> None:
        """Add grades, all or none, making the judgement sets they name.

        One by the same person from the same source about the same query and image replaces the older one.

        Args:
            given: the grades.
            rule: how they came to be, in words; kept with every set they name.

        Raises:
            CallerError: a grade is not from 0 to 5, an id is not an image's, or a name is not text.
        """
        with self._writing() as change:
            grades.write_grades(change, given, rule=rule)

    def grades(self, query_image_id: str | None = None, *, judgement_set: str | None = None) -> list[Grade]:
        """Grades for one query image, or of one set, or all."""
        with self._reading() as connection:
            return grades.read_grades(connection, query_image_id, judgement_set)

    def judgement_sets(self) -> list[JudgementSet]:
        """What sets of grades there are, by name."""
        with self._reading() as connection:
            return grades.read_judgement_sets(connection)

    def remove_judgement_set(self, name: str) -> int:
        """Drop a set of grades; how many there were.

        Raises:
            CallerError: there is no set of that name.
        """
        with self._writing() as change:
            return grades.remove_judgement_set(change, name)

    # -- copies

    @property
    def is_file(self) -> bool:
        """Whether it is a SQLite file, which `copy_to` copies; not a database of a server."""
        return self._engine.dialect.name == "sqlite"

    def copy_to(self, file: Path, *, advance: Callable[[int], None] = lambda _: None) -> None:
        """Copy a catalog in SQLite while it is used, as of one moment.

        Args:
            file: a new file.
            advance: is told how many hundredths more are done.

        Raises:
            StorageFailed: the copy cannot be written.
        """
        with storage_errors(self.describe):
            connection = self._engine.raw_connection()
        try:
            copy_sqlite(cast("sqlite3.Connection", connection.driver_connection), file, advance)
        finally:
            connection.close()

    def upload_ids(self) -> list[str]:
        """The ids of all live images that were uploaded, ascending."""
        with self._reading() as connection:
            uploaded = select(schema.images.c.id).where(schema.images.c.has_upload.is_(True))
            return list(connection.execute(uploaded.order_by(schema.images.c.id)).scalars())

    # -- health

    def damage_of_file(self) -> list[str]:
        """What SQLite finds wrong with its file, in words."""
        with self._reading() as connection:
            return list(checking.file_problems(connection))

    def check(self) -> list[str]:
        """Every damage found, in words: the file, the change sequence, vectors, sources and uploaded bytes."""
        # Before the catalog is looked at: what is uploaded meanwhile has its record by then, or its mark now.
        stored = list(self._originals.ids())
        accounted = self._originals.incoming() | self._originals.orphans().keys()
        stored = [name for name in stored if name not in accounted]
        try:
            with self._reading() as connection:
                return list(checking.problems(connection, self._originals, stored))
        except StorageFailed as error:
            return [str(error)]


def _make_file(file: Path, where: str) -> None:
    """Make an empty file where there is none: connections only open files that are there."""
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    except OSError as error:
        raise StorageFailed(f"{where}: {error.strerror or error}") from error


def _printable(image_id: str) -> str:
    return image_id if is_image_id(image_id) else ""
