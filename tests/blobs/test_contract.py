"""What every store of bytes keeps to. A second implementation joins `STORES`."""

import time

import pytest

from lookalike.blobs import FolderBlobs
from lookalike.catalog import content_id

ID, OTHER = content_id(b"bytes"), content_id(b"other")
STORES = {"folder": lambda tmp_path: FolderBlobs(tmp_path / "blobs")}


@pytest.fixture(params=STORES)
def blobs(request, tmp_path):
    return STORES[request.param](tmp_path)


def test_an_empty_store(blobs):
    assert list(blobs.ids()) == []
    assert not blobs.has(ID)
    with pytest.raises(FileNotFoundError):
        blobs.get(ID)
    with pytest.raises(FileNotFoundError):
        blobs.open(ID)
    assert (blobs.incoming(), blobs.orphans(), blobs.incoming_for(ID)) == (set(), {}, None)
    assert blobs.remove_abandoned_parts() == 0


def test_bytes_are_kept_under_their_id(blobs):
    blobs.put(ID, b"bytes")
    blobs.put(ID, b"bytes")
    blobs.put(OTHER, b"")
    assert (blobs.get(ID), blobs.get(OTHER)) == (b"bytes", b"")
    with blobs.open(ID) as file:
        assert (file.read(2), file.seek(3), file.read()) == (b"by", 3, b"es")
    assert blobs.has(ID)
    assert set(blobs.ids()) == {ID, OTHER}
    assert ID in blobs.place(ID)


def test_removing_takes_the_bytes_and_all_notes_of_them(blobs):
    blobs.put(ID, b"bytes")
    blobs.orphan(ID)
    blobs.remove(ID)
    blobs.remove(ID)
    assert not blobs.has(ID)
    assert list(blobs.ids()) == []
    assert (blobs.incoming(), blobs.orphans()) == (set(), {})


def test_a_put_is_incoming_until_somebody_settles_it(blobs):
    blobs.put(ID, b"bytes")
    blobs.put(OTHER, b"other")
    assert blobs.incoming() == {ID, OTHER}
    assert 0 <= blobs.incoming_for(ID) < 60
    blobs.settle([ID, content_id(b"never put")])
    assert blobs.incoming() == {OTHER}
    assert blobs.incoming_for(ID) is None
    assert blobs.has(ID)


def test_orphans_are_noted_with_their_age(blobs):
    blobs.put(ID, b"bytes")
    blobs.orphan(ID)
    assert blobs.incoming() == set()
    assert list(blobs.orphans()) == [ID]
    assert blobs.orphans()[ID] < 60
    assert blobs.get(ID) == b"bytes"
    blobs.not_orphan(ID)
    blobs.not_orphan(ID)
    assert blobs.orphans() == {}


def test_a_clock_that_was_set_back_makes_no_orphan_old(blobs, monkeypatch):
    blobs.put(ID, b"bytes")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 10**8)
    blobs.orphan(ID)
    monkeypatch.undo()
    assert blobs.orphans()[ID] < 60
