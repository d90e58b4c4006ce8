import os

import pytest

from lookalike.blobs import FolderBlobs
from lookalike.catalog import content_id
from lookalike.errors import StorageFailed

ID = content_id(b"bytes")


@pytest.fixture
def blobs(tmp_path):
    return FolderBlobs(tmp_path / "blobs")


def test_a_file_is_named_by_its_id(blobs):
    blobs.put(ID, b"bytes")
    blobs.settle([ID])
    assert blobs.path(ID) == blobs.directory / ID[:2] / ID[2:4] / ID
    assert [file.name for file in blobs.directory.rglob("*") if file.is_file()] == [ID]


def test_a_failing_disk_leaves_no_part_of_a_file(blobs, monkeypatch):
    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageFailed, match="No space left"):
        blobs.put(ID, b"bytes")
    assert [file for file in blobs.directory.rglob("*") if file.is_file()] == []


def test_a_folder_that_cannot_be_made_is_the_environments_fault(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageFailed):
        FolderBlobs(tmp_path / "file" / "below").put(ID, b"bytes")


def test_another_folder_shares_the_file_and_keeps_it(blobs, tmp_path):
    other = FolderBlobs(tmp_path / "other")
    assert not blobs.share(ID, other)
    blobs.put(ID, b"bytes")
    assert blobs.share(ID, other)
    assert other.path(ID).samefile(blobs.path(ID))
    blobs.remove(ID)
    assert other.get(ID) == b"bytes"
