import shutil
import sqlite3

import pytest

from backup.restored import whole
from doubles import picture
from lookalike.backup import BackupFolder, check_backup, restore
from lookalike.blobs import FolderBlobs
from lookalike.errors import CallerError, StorageFailed
from parts import Parts


def test_restoring_never_mixes_libraries_and_replaces_only_when_told(library, back_up_now, destination, tmp_path):
    back_up_now()
    with Parts(tmp_path / "other") as other:
        stranger = other.upload(1)
    for replace in (False, True):
        with pytest.raises(CallerError, match="different library"):
            restore(destination, tmp_path / "other", replace=replace)
    assert whole(tmp_path / "other") == [stranger]
    with pytest.raises(CallerError, match="--replace"):
        restore(destination, library.folder)
    (tmp_path / "photos" / "deep").mkdir()
    with pytest.raises(CallerError, match="not empty"):
        restore(destination, tmp_path / "photos")
    with pytest.raises(CallerError, match="not a folder of backups|no backup"):
        restore(tmp_path / "photos", tmp_path / "new")


def test_a_service_that_runs_follows_a_restore(library, back_up_now, destination):
    back_up_now()
    later = library.upload(300)
    library.publisher.publish(library.indexer.model)
    assert later in library.find_ids(picture(300), limit=100)
    report = restore(destination, library.folder, replace=True)
    assert later not in library.find_ids(picture(300), limit=100)
    assert len(library.find_ids(picture(3), limit=100)) == 12
    new = library.upload(301)
    assert library.find_ids(picture(301), limit=100)[0] == new
    assert report.replaced is not None
    with sqlite3.connect(report.replaced / "catalog.sqlite") as old:  # with its log: nothing that was stored is lost
        assert old.execute("SELECT count(*) FROM images WHERE id = ?", (later,)).fetchone() == (1,)
    library.catalog.uploads.collect_orphans()
    assert library.catalog.originals.get(later) == picture(300)


def test_a_library_whose_catalog_is_destroyed_is_replaced(library, back_up_now, destination, tmp_path):
    back_up_now()
    folder = tmp_path / "damaged"
    shutil.copytree(library.folder, folder)
    for path in folder.glob("catalog.sqlite*"):
        path.unlink()
    (folder / "catalog.sqlite").write_bytes(b"these are not the tables you are looking for" * 100)
    restore(destination, folder, replace=True)
    assert len(whole(folder)) == 12


def test_a_damaged_backup_is_refused_before_anything_is_touched(library, back_up_now, destination, tmp_path):
    report = back_up_now()
    catalog = report.folder / "catalog.sqlite"
    content = bytearray(catalog.read_bytes())
    content[len(content) // 2] ^= 1
    catalog.write_bytes(content)
    assert check_backup(report.folder) == ["catalog.sqlite does not match its checksum"]
    with pytest.raises(StorageFailed, match=r"catalog\.sqlite does not match"):
        restore(destination, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_uploads_damaged_in_the_backup_stop_a_restore_unless_allowed(library, back_up_now, destination, tmp_path):
    report = back_up_now()
    lost = library.uploaded[2]
    BackupFolder(destination).originals.path(lost).unlink()
    assert lost in check_backup(report.folder)[0]
    with pytest.raises(StorageFailed, match="--allow-missing"):
        restore(destination, tmp_path / "new")
    assert not (tmp_path / "new" / "catalog.sqlite").exists()
    restored = restore(destination, tmp_path / "new", allow_missing=True)  # goes on in the folder it began
    assert restored.missing == (lost,)


def test_a_restore_that_was_killed_is_no_library_and_goes_on(library, back_up_now, destination, tmp_path, monkeypatch):
    back_up_now()
    put = FolderBlobs.put
    left = [3]

    def fails_later(self, image_id, content):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        put(self, image_id, content)

    with monkeypatch.context() as interrupted:
        interrupted.setattr(FolderBlobs, "put", fails_later)
        with pytest.raises(KeyboardInterrupt):
            restore(destination, tmp_path / "new")
    assert not (tmp_path / "new" / "catalog.sqlite").exists()
    assert restore(destination, tmp_path / "new").images == 12
    assert len(whole(tmp_path / "new")) == 12
    assert not (tmp_path / "new" / "restoring.json").exists()
