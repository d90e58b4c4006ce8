import hashlib
import os

import pytest

from lookalike.backup.copying import copy_file, copy_upload, told_as_storage
from lookalike.blobs import FolderBlobs
from lookalike.catalog import content_id
from lookalike.errors import StorageFailed

CONTENT = b"the bytes of an upload" * 100
NAME = content_id(CONTENT)


@pytest.fixture
def originals(tmp_path):
    source, target = FolderBlobs(tmp_path / "source"), FolderBlobs(tmp_path / "target")
    source.put(NAME, CONTENT)
    source.settle([NAME])
    return source, target


def test_a_copied_file_has_the_length_and_checksum_of_its_source(tmp_path):
    (tmp_path / "a").write_bytes(CONTENT)
    record = copy_file(tmp_path / "a", tmp_path / "deep" / "b")
    assert (tmp_path / "deep" / "b").read_bytes() == CONTENT
    assert (record.bytes, record.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


def test_an_upload_is_shared_where_it_can_be_and_else_copied(originals, monkeypatch):
    source, target = originals
    assert copy_upload(NAME, source, target, link=True) == 0
    assert target.path(NAME).samefile(source.path(NAME))
    target.remove(NAME)
    assert copy_upload(NAME, source, target, link=False) == len(CONTENT)
    assert not target.path(NAME).samefile(source.path(NAME))
    target.remove(NAME)

    def refused(*_):
        raise OSError("another file system")

    monkeypatch.setattr(os, "link", refused)
    assert copy_upload(NAME, source, target, link=True) == len(CONTENT)
    assert target.get(NAME) == CONTENT


def test_an_upload_that_is_lost_or_changed_is_not_copied(originals):
    source, target = originals
    source.path(NAME).write_bytes(b"something else")
    assert copy_upload(NAME, source, target, link=True) is None
    source.path(NAME).unlink()
    assert copy_upload(NAME, source, target, link=True) is None
    assert not target.has(NAME)


def test_faults_of_the_system_become_ours_with_the_file_that_failed(tmp_path):
    with pytest.raises(StorageFailed, match=r"it failed: .*gone No such file"), told_as_storage("it failed"):
        (tmp_path / "gone").read_bytes()
