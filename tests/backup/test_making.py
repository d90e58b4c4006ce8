"""A backup is of one moment, whole or not there; restored, it is the library as it was."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime

import pytest
from filelock import FileLock

from backup.restored import whole
from doubles import picture
from lookalike.backup import BackupFolder, check_backup, restore
from lookalike.backup import making as making_module
from lookalike.catalog import Catalog, sqlite_url
from lookalike.errors import CallerError, LibraryBusy, StorageFailed
from lookalike.verification import verify_library
from parts import Parts


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


def test_two_backups_at_once_into_one_folder_are_refused(back_up_now, destination):
    back_up_now()
    with FileLock(destination / ".lock"), pytest.raises(LibraryBusy):
        back_up_now()


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
