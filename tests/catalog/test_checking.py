import numpy as np
import pytest
from sqlalchemy import delete, insert, update

from lookalike.catalog import Catalog, content_id, schema, sqlite_url

ID = content_id(b"a")
WRONG_VECTORS = [
    (b"\0" * 15, "15 bytes"),
    (np.full(8, np.nan, "<f2").tobytes(), "not finite"),
    (np.ones(8, "<f2").tobytes(), "length"),
]


@pytest.fixture
def damage(library, catalog):
    """Runs a statement on a library of one uploaded and one indexed image, and gives what `check` then says."""
    library.upload(b"a", vector=library.unit(1))
    library.add("b", vector=library.unit(2))
    assert catalog.check() == []

    def run(statement):
        with catalog.database.changing() as change:
            change.connection.execute(statement)
        return catalog.check()

    return run


@pytest.mark.parametrize(("stored", "words"), WRONG_VECTORS)
def test_a_damaged_vector_is_found(damage, stored, words):
    (problem,) = damage(update(schema.vectors).where(schema.vectors.c.image_id == ID).values(vector=stored))
    assert ID in problem
    assert words in problem


def test_lost_changed_and_foreign_uploads_are_found(library, catalog, damage):
    nothing = update(schema.change_counter).values(value=schema.change_counter.c.value)
    path = catalog.originals.path(ID)
    path.write_bytes(b"other")
    assert "not those that were uploaded" in damage(nothing)[0]
    path.unlink()
    assert "No such file" in damage(nothing)[0]
    path.write_bytes(b"a")
    path.with_name("stranger").write_bytes(b"")
    assert "does not belong" in damage(nothing)[0]


def test_images_without_a_home_and_sources_of_nothing_are_found(damage):
    assert "neither a source nor" in damage(delete(schema.sources))[0]
    nowhere = {"path_hash": b"0" * 16, "path": "/x", "image_id": "0" * 32, "byte_count": 1, "modified_ns": 1}
    assert any("never was" in problem for problem in damage(insert(schema.sources).values(nowhere)))


def test_a_sequence_that_went_back_is_found(damage):
    assert len(damage(update(schema.change_counter).values(value=1))) == 1
    both = insert(schema.tombstones).values(image_id=ID, sequence=1, reason="requested")
    problems = "\n".join(damage(both))
    assert "both live and deleted" in problems
    assert "given twice" in problems


def test_a_damaged_file_is_found(library, sqlite_file):
    with Catalog.open(sqlite_url(sqlite_file), originals=sqlite_file.parent / "originals") as catalog:
        catalog.images.add([library.addition(f"{n}", vector=library.unit(n)) for n in range(300)])
    content = bytearray(sqlite_file.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    sqlite_file.write_bytes(content)
    with Catalog.open(sqlite_url(sqlite_file), originals=sqlite_file.parent / "originals") as catalog:
        assert catalog.check() != []
