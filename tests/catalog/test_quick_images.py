"""Records that are read through the driver are those that SQLAlchemy reads."""

import shutil

import pytest

from lookalike.catalog import Catalog, Verdict
from lookalike.catalog.images import read_images
from lookalike.catalog.quick_images import QuickImages
from lookalike.types import ModerationState, Visibility

BLURRED = Verdict(state=ModerationState.BLURRED, reason="nudity 0.7", scores={"nudity": 0.7}, classifiers="one")


@pytest.fixture
def catalog(tmp_path):
    """In a SQLite file, whatever else is tested with."""
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}", originals=tmp_path / "originals") as opened:
        yield opened


@pytest.fixture
def ids(library, catalog):
    """Of an image of each kind that records tell apart."""
    library.catalog = catalog
    several = library.add("several places")
    library.add("several places", path="/photos/\udcff\udcfe.jpg")
    made = [
        several,
        library.upload(b"bytes", upload_name='"quotes" and \N{SNOWMAN}.png', tags=["red", "a", "blue"], owner_id="ann"),
        library.add("private", visibility=Visibility.PRIVATE, tags=["one"]),
        library.add("blurred", verdict=BLURRED),
        library.add("damaged", error="it is damaged"),
    ]
    catalog.images.delete(library.add("deleted"))
    return made


@pytest.mark.parametrize("visibility", [None, *Visibility])
def test_records_are_those_that_sqlalchemy_reads(catalog, ids, visibility):
    asked = [*reversed(ids), "f" * 32, "no id", ids[0]]
    with catalog.database.reading() as connection:
        expected = read_images(connection, asked, visibility=visibility)
    quick = QuickImages(catalog.database.connect_apart)
    read = quick.read(asked, visibility=visibility)
    quick.close()
    assert read == expected
    assert list(read) == list(expected)


def test_without_ids_there_are_no_records(catalog):
    assert catalog.images.get_many([]) == {}
    assert catalog.images.get_many(["f" * 32]) == {}


def test_a_file_that_took_the_place_of_another_is_read(library, catalog, ids, tmp_path):
    assert catalog.images.get_many(ids).keys() == set(ids)
    with Catalog.open(f"sqlite:///{tmp_path / 'other.sqlite'}", originals=tmp_path / "originals") as other:
        library.catalog = other
        kept = library.add("private")
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"catalog.sqlite{suffix}").unlink(missing_ok=True)
    shutil.move(tmp_path / "other.sqlite", tmp_path / "catalog.sqlite")
    assert catalog.images.get_many(ids).keys() == {kept}
