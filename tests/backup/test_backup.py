"""A backup is of one moment, whole or not there; restored, it is the library as it was."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import datetime

import pytest
from filelock import FileLock

from doubles import picture
from lookalike.backup import BackupFolder, check_backup, restore
from lookalike.backup import making as making_module
from lookalike.blobs import FolderBlobs
from lookalike.catalog import Catalog, sqlite_url
from lookalike.errors import CallerError, LibraryBusy, StorageFailed
from lookalike.verification import verify_library
from parts import Parts


def whole(folder):
    """Everything the restored library says is there, after its own check found nothing wrong."""
    with Parts(folder) as parts:
        assert parts.catalog.check() == []
        return sorted(image.id for image in parts.catalog.images.browse(limit=1000).images)


def files_below(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_was_backed_up_comes_back(library, back_up_now, destination, tmp_path):
    report = back_up_now()
    assert (report.images, report.uploads, report.new_uploads, report.missing) == (12, 6, 6, ())
    assert check_backup(report.folder) == []
    restored = restore(destination, tmp_path / "new")
    assert (restored.images, restored.uploads, restored.missing, restored.replaced) == (12, 6, (), None)
    assert whole(tmp_path / "new") == sorted(image.id for image in library.catalog.images.browse(limit=100).images)
    assert (tmp_path / "new" / "library.toml").read_text() == "port = 8421\n"
    with Parts(tmp_path / "new") as again:
        assert again.catalog.library_id == library.catalog.library_id
        assert again.find_ids(picture(103))[0] == library.uploaded[3]
        assert again.catalog.images.content(library.uploaded[3]) == picture(103)
        again.publisher.publish(again.indexer.model)
        assert verify_library(again.catalog, again.snapshots, queries=10).problems == ()


def test_later_backups_copy_only_what_is_new_and_share_the_rest(library, back_up_now, destination):
    first = back_up_now()
    new = library.upload(200)
    second = back_up_now()
    assert second.new_uploads == 1
    assert BackupFolder(destination).backups() == [first.folder, second.folder]
    assert BackupFolder(destination).originals.has(new)
    stored = library.catalog.originals.path(new)
    assert BackupFolder(destination).originals.path(new).samefile(stored)  # one file system: a hard link


def test_older_backups_go_and_their_uploads_with_them(library, back_up_now, destination):
    back_up_now()
    gone = library.uploaded[0]
    library.catalog.images.delete(gone)
    back_up_now()
    assert BackupFolder(destination).originals.has(gone)  # the first backup still has it
    report = back_up_now(keep=2)
    assert len(report.removed) == 1
    assert not BackupFolder(destination).originals.has(gone)
    assert len(BackupFolder(destination).backups()) == 2
    assert check_backup(report.folder) == []


def test_a_clock_that_went_back_does_not_change_which_backup_is_the_newest(back_up_now, destination, monkeypatch):
    back_up_now()

    class Earlier(datetime):
        @classmethod
        def now(cls, zone=None):
            return cls(1971, 1, 1, tzinfo=zone)

    monkeypatch.setattr(making_module, "datetime", Earlier)
    later = back_up_now()
    assert BackupFolder(destination).newest() == later.folder


def test_a_backup_while_uploads_and_deletions_go_on_is_of_one_moment(library, back_up_now, destination, tmp_path):
    stop = threading.Event()

    def work():
        seed, mine = 1_000, []
        while not stop.is_set():
            mine.append(library.upload(seed))
            seed += 1
            if len(mine) > 3:
                library.catalog.images.delete(mine.pop(0))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(4):
            report = back_up_now()
            assert report.missing == ()
            assert check_backup(report.folder) == []
    finally:
        stop.set()
        thread.join()
    for number, backup in enumerate(BackupFolder(destination).backups()):
        restore(backup, tmp_path / f"restored-{number}")
        assert set(library.uploaded) <= set(whole(tmp_path / f"restored-{number}"))


def test_a_deletion_while_uploads_are_copied_is_followed(library, back_up_now, monkeypatch):
    copy = making_module.copy_upload
    victim = library.uploaded[-1]

    def deleted_first(image_id, *arguments, **options):
        if image_id == victim:
            library.catalog.images.delete(victim)
            monkeypatch.setattr(making_module, "copy_upload", copy)
        return copy(image_id, *arguments, **options)

    monkeypatch.setattr(making_module, "copy_upload", deleted_first)
    report = back_up_now()
    assert (report.images, report.uploads, report.missing) == (11, 5, ())


def test_bytes_that_the_library_lost_are_named_and_the_rest_is_kept(library, back_up_now, destination, tmp_path):
    lost, damaged = library.uploaded[:2]
    originals = library.catalog.originals
    originals.path(lost).unlink()
    originals.path(damaged).write_bytes(b"something else")
    report = back_up_now()
    assert sorted(report.missing) == sorted([lost, damaged])
    restored = restore(destination, tmp_path / "new")
    assert sorted(restored.missing) == sorted([lost, damaged])
    assert restored.uploads == 4


def test_a_folder_of_something_else_or_of_another_library_is_left_alone(library, back_up_now, destination, tmp_path):
    destination.mkdir()
    (destination / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(CallerError, match="not backups"):
        back_up_now()
    assert files_below(destination) == {"holiday.jpg"}
    (destination / "holiday.jpg").unlink()
    (destination / ".DS_Store").write_bytes(b"x")
    back_up_now()
    with Parts(tmp_path / "other") as other, pytest.raises(CallerError, match="another library"):
        making_module.back_up(other.catalog, making_module.Parts(originals=tmp_path / "other/originals"), destination)
    with pytest.raises(CallerError, match="inside the library"):
        making_module.back_up(
            library.catalog,
            making_module.Parts(originals=library.folder / "originals"),
            library.folder / "backups",
        )


def test_two_backups_at_once_into_one_folder_are_refused(back_up_now, destination):
    back_up_now()
    with FileLock(destination / ".lock"), pytest.raises(LibraryBusy):
        back_up_now()


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


PROGRAM = """
import sys
from pathlib import Path
from lookalike.backup import Parts, back_up
from lookalike.catalog import Catalog, sqlite_url
from parts import hear_ctrl_c
hear_ctrl_c()
library, destination = map(Path, sys.argv[1:])
with Catalog.open(sqlite_url(library / "catalog.sqlite"), originals=library / "originals") as catalog:
    while True:
        report = back_up(catalog, Parts(originals=library / "originals"), destination, keep=3)
        print(report.folder, flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_at_any_moment_what_is_there_is_whole_and_the_next_run_goes_on(
    library, back_up_now, destination, tmp_path, how
):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PROGRAM, library.folder, destination]
    for attempt in range(6):
        library.upload(2_000 + attempt)
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert process.stdout.readline()
        time.sleep(0.013 * attempt)
        process.send_signal(how)
        process.communicate(timeout=60)
        for backup in BackupFolder(destination).backups():
            assert check_backup(backup) == []
    back_up_now()
    assert list(destination.glob("unfinished-*")) == []
    newest = BackupFolder(destination).newest()
    restore(newest, tmp_path / "restored")
    assert set(library.uploaded) <= set(whole(tmp_path / "restored"))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB; only root can make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_leaves_earlier_backups_and_no_half_ones(library, back_up_now, small_disk, monkeypatch):
    parts = making_module.Parts(originals=library.folder / "originals")
    first = making_module.back_up(library.catalog, parts, small_disk / "b")
    for seed in range(3_000, 3_040):
        library.upload(seed, size=(160, 120), noise=120)
    with pytest.raises(StorageFailed, match="(?i)space|full"):
        making_module.back_up(library.catalog, parts, small_disk / "b")
    assert BackupFolder(small_disk / "b").backups() == [first.folder]
    assert check_backup(first.folder) == []
    assert list((small_disk / "b").glob("unfinished-*")) == []
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    assert check_backup(making_module.back_up(library.catalog, parts, small_disk / "b").folder) == []


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


def test_a_catalog_on_a_server_is_refused_in_words(library, destination, tmp_path, monkeypatch):
    monkeypatch.setattr(Catalog, "is_file", property(lambda _: False))
    with pytest.raises(CallerError, match="pg_dump"):
        making_module.back_up(library.catalog, making_module.Parts(originals=tmp_path), destination)
    assert not destination.exists()


def test_the_copy_of_a_catalog_is_one_moment_of_it(library, tmp_path):
    library.catalog.copy_to(tmp_path / "copy.sqlite")
    with Catalog.open(sqlite_url(tmp_path / "copy.sqlite"), originals=library.folder / "originals") as copy:
        assert copy.changes.state() == library.catalog.changes.state()
        assert copy.check() == []
        assert copy.uploads.ids() == sorted(library.uploaded)
    with pytest.raises(StorageFailed):
        library.catalog.copy_to(tmp_path / "no" / "such" / "folder")
