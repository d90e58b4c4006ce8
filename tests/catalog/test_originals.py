import os
import time

import pytest

from lookalike.catalog import Originals, content_id
from lookalike.errors import StorageFailed, VectorsRefused

ID = content_id(b"bytes")


@pytest.fixture
def originals(tmp_path):
    return Originals(tmp_path / "originals")


def test_bytes_are_kept_under_their_id(originals):
    originals.put(ID, b"bytes")
    originals.put(ID, b"bytes")
    assert originals.get(ID) == b"bytes"
    assert originals.has(ID)
    assert originals.path(ID) == originals.directory / ID[:2] / ID[2:4] / ID
    assert list(originals.ids()) == [ID]
    assert [file.name for file in originals.directory.rglob("*") if file.is_file()] == [ID]
    originals.remove(ID)
    originals.remove(ID)
    assert not originals.has(ID)


def test_a_failing_disk_leaves_no_part_of_a_file(originals, monkeypatch):
    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageFailed, match="No space left"):
        originals.put(ID, b"bytes")
    assert [file for file in originals.directory.rglob("*") if file.is_file()] == []


def test_a_folder_that_cannot_be_made_is_the_environments_fault(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageFailed):
        Originals(tmp_path / "file" / "below").put(ID, b"bytes")


def test_orphans_are_collected_and_what_is_in_use_is_not(library, catalog):
    kept = library.upload(b"kept")
    catalog._originals.put(ID, b"bytes")
    abandoned = catalog._originals.path(ID).with_name("x.part")
    fresh = catalog._originals.path(ID).with_name("y.part")
    abandoned.write_bytes(b"half")
    fresh.write_bytes(b"hal")
    os.utime(abandoned, (time.time() - 7200, time.time() - 7200))
    assert catalog.collect_orphans() == 2
    assert list(catalog._originals.ids()) == [kept]
    assert (abandoned.exists(), fresh.exists()) == (False, True)
    assert catalog.collect_orphans() == 0


def test_an_upload_whose_transaction_fails_leaves_no_bytes(library, catalog):
    library.upload(b"first", vector=library.unit(1))
    with pytest.raises(VectorsRefused):
        library.upload(b"second", vector=library.unit(1, dimension=4))
    assert list(catalog._originals.ids()) == [content_id(b"first")]


def test_bytes_that_vanish_before_the_commit_are_written_again(library, catalog, monkeypatch):
    """Another process deletes the same image between our writing its bytes and our transaction."""
    put = catalog._originals.put

    def put_then_lose(image_id, content):
        put(image_id, content)
        monkeypatch.setattr(catalog._originals, "put", put)
        catalog._originals.remove(image_id)

    monkeypatch.setattr(catalog._originals, "put", put_then_lose)
    assert catalog.content(library.upload(b"bytes")) == b"bytes"
