"""The catalog: the only truth, opened once, and the stores over it."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import select

from lookalike.blobs import Blobs, FolderBlobs
from lookalike.catalog import checking, counting, schema
from lookalike.catalog.database import BUSY_SECONDS, Database
from lookalike.catalog.records import CatalogCounts
from lookalike.catalog.stores import (
    AuditLog,
    Blocks,
    ChangeSequence,
    Collections,
    Experiments,
    Folders,
    GradingQueue,
    Images,
    Interactions,
    Judgements,
    Keys,
    Leases,
    Models,
    Moderation,
    People,
    Queries,
    RecycleBin,
    Sources,
    StoredKeypoints,
    StoredVectors,
    Uploads,
)
from lookalike.errors import StorageFailed


class Catalog:
    """The images of a library, and all that is known about them; safe to use from many threads and processes.

    Each writing method of a store is one transaction, and on disk when it returns; its docstring says so where it is
    several, so that others can write meanwhile, or where a power cut may take it. Every method may raise
    `StorageFailed` (the disk is full, read-only or failing; the server is out of reach), and every writing one
    `LibraryBusy` (another process held the lock for a minute); then nothing of that call was stored.

    Made by `open`.

    Attributes:
        database: where everything is kept.
        originals: uploaded bytes.
        library_id: of the library, drawn once with its catalog.
        changes: the change sequence.
        images: live images.
        uploads: which of them were uploaded, and their bytes.
        sources: the files that images were seen in.
        folders: folders that were indexed, or forgotten, by name.
        recycle_bin: images whose last file is gone.
        vectors: of every model.
        keypoints: of images, where some were extracted.
        models: which model answers, and which ones did.
        queries: answered searches.
        interactions: what people did with hits.
        judgements: grades, in named sets.
        collections: named sets of images.
        grading_queue: pairs that wait for a grade.
        experiments: on live queries.
        people: users.
        keys: API keys.
        audit: who changed what.
        blocks: pictures that must not be shown.
        moderation: what classifiers found of images, and what people decided.
        leases: duties that one process at a time does.
    """

    def __init__(self, database: Database, originals: Blobs) -> None:
        self.database = database
        self.originals = originals
        self.changes = ChangeSequence(database)
        self.uploads = Uploads(database, originals)
        self.images = Images(database, self.uploads, self.changes)
        self.sources = Sources(database)
        self.folders = Folders(database)
        self.recycle_bin = RecycleBin(database)
        self.vectors = StoredVectors(database)
        self.keypoints = StoredKeypoints(database)
        self.models = Models(database)
        self.queries = Queries(database)
        self.interactions = Interactions(database)
        self.judgements = Judgements(database)
        self.collections = Collections(database)
        self.grading_queue = GradingQueue(database)
        self.experiments = Experiments(database)
        self.people = People(database)
        self.keys = Keys(database)
        self.audit = AuditLog(database)
        self.blocks = Blocks(database)
        self.moderation = Moderation(database)
        self.leases = Leases(database)
        with database.reading() as connection:
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
        database = Database.open(url, busy_seconds=busy_seconds)
        try:
            return cls(database, FolderBlobs(originals))
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Close every connection."""
        self.images.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def describe(self) -> str:
        """The database in words."""
        return self.database.describe

    @property
    def url(self) -> str:
        """The database's URL, without its password."""
        return self.database.url

    @property
    def read_only(self) -> bool:
        """Whether the catalog can only be read now: every writing method raises `StorageFailed`."""
        return self.database.read_only

    @property
    def is_file(self) -> bool:
        """Whether it is a SQLite file, which `copy_to` copies, and not a database of a server."""
        return self.database.is_file

    def copy_to(self, file: Path, *, advance: Callable[[int], None] = lambda _: None) -> None:
        """Copy a catalog in SQLite while it is used, as of one moment.

        Args:
            file: a new file.
            advance: is told how many hundredths more are done.

        Raises:
            StorageFailed: the copy cannot be written.
        """
        self.database.copy_to(file, advance=advance)

    def counts(self) -> CatalogCounts:
        """How many of each thing there are, all of one moment."""
        with self.database.reading() as connection:
            return counting.read_counts(connection)

    def unreadable(self, limit: int = 100) -> list[tuple[str, str]]:
        """(path, or id of an upload; reason in words) of what could not be read."""
        with self.database.reading() as connection:
            return counting.read_unreadable(connection, limit)

    def damage_of_file(self) -> list[str]:
        """What SQLite finds wrong with its file, in words."""
        with self.database.reading() as connection:
            return list(checking.file_problems(connection))

    def check(self) -> list[str]:
        """Every damage found, in words: the file, the change sequence, vectors, sources and uploaded bytes."""
        # Before the catalog is looked at: what is uploaded meanwhile has its record by then, or its mark now.
        stored = list(self.originals.ids())
        accounted = self.originals.incoming() | self.originals.orphans().keys()
        stored = [name for name in stored if name not in accounted]
        try:
            with self.database.reading() as connection:
                return list(checking.problems(connection, self.originals, stored))
        except StorageFailed as error:
            return [str(error)]
