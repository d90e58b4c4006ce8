"""A library made of real parts, but for the model, which is the small one of `doubles`."""

import os
import secrets
import signal
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from doubles import ColourGridEncoder, picture
from lookalike.catalog import Catalog
from lookalike.embedding import LiveModelFollower
from lookalike.indexing import Indexer, Publisher
from lookalike.retrieval import IndexedImage, Picture, Query, QueryJournal, SearchEngine
from lookalike.snapshot import CENTRE_FROM


@cache
def empty_catalog() -> bytes:
    """The file of a catalog without images, which takes a third of a second to make."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "catalog.sqlite"
        Catalog.open(f"sqlite:///{file}", originals=Path(folder) / "originals").close()
        return file.read_bytes()


def write_empty_catalog(file: Path) -> None:
    """Another one, of a library of its own."""
    file.write_bytes(empty_catalog())
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE library SET library_id = ?", [secrets.token_hex(16)])


class Parts:
    """Catalog, publisher, indexer and engine over one folder."""

    def __init__(self, folder, *, encoder=None, centre_from=CENTRE_FROM):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.centre_from = centre_from
        self.snapshots = folder / "snapshots"
        self.encoders = {"colour-grid": encoder or ColourGridEncoder()}
        if not (folder / "catalog.sqlite").exists():
            write_empty_catalog(folder / "catalog.sqlite")
        self.catalog = Catalog.open(f"sqlite:///{folder / 'catalog.sqlite'}", originals=folder / "originals")
        self.publisher = Publisher(
            self.catalog,
            snapshots=self.snapshots,
            encoder_of=lambda model: self.encoders[model.name] if 0 < centre_from < CENTRE_FROM else None,
            centre_from=centre_from,
        )
        self.indexer = self.indexer_for(self.encoders["colour-grid"])
        self.engine = self.new_engine()

    def __enter__(self):
        return self

    def __exit__(self, *fault):
        self.engine.close()
        self.publisher.wait()
        self.catalog.close()

    def indexer_for(self, encoder, **options):
        self.encoders[encoder.name] = encoder
        return Indexer(
            self.catalog,
            encoder=lambda: encoder,
            publisher=self.publisher,
            lock=self.folder / "index.lock",
            leave_out=self.folder,
            **options,
        )

    def follower(self):
        return LiveModelFollower(self.catalog, open_model=lambda model: self.encoders[model.name])

    def new_engine(self, **options):
        return SearchEngine(
            self.catalog,
            snapshots=self.snapshots,
            models=self.follower(),
            journal=QueryJournal(self.catalog),
            **options,
        )

    def upload(self, seed, **options):
        given = {name: options.pop(name) for name in ("visibility", "tags", "owner_id") if name in options}
        image, _ = self.indexer.add_upload(picture(seed, **options), name=f"{seed}", **given)
        return image.id

    def find(self, content=None, *, image_id=None, name="query", **options):
        subject = Picture(content=content, name=name) if image_id is None else IndexedImage(image_id=image_id)
        return self.engine.search(Query(subject=subject, **options))

    def find_ids(self, content=None, **options):
        return [hit.image.id for hit in self.find(content, **options).hits]


def write_pictures(folder, seeds, **options):
    """Files `<seed>.png` of pictures that do not look alike."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (folder / f"{seed}.png").write_bytes(picture(seed, **options))
    return folder


def touch(path, *, seconds):
    """Move a file's time, as an edit would."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + int(seconds * 1e9)))


def hear_ctrl_c():
    """For a program that is started: what a shell starts in the background ignores Ctrl-C, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
