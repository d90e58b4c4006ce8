import os
import shutil
import sqlite3
import subprocess
from types import SimpleNamespace

import pytest

from lookalike.errors import StorageFailed
from lookalike.serving import reserve
from lookalike.serving.reserve import DiskReserve

MIB = 1 << 20


class Disk:
    """Its free space; a work that takes a byte more than that fails."""

    def __init__(self, monkeypatch, file, free):
        self.free = free
        self.file = file
        monkeypatch.setattr(reserve.shutil, "disk_usage", lambda _: SimpleNamespace(free=self.free))

    def work(self):
        if self.free == 0 and self.file.exists():
            raise StorageFailed("disk full")
        return "done"


def test_it_is_given_up_once_the_disk_is_full_and_made_again_when_there_is_room(tmp_path, monkeypatch):
    file = tmp_path / "reserve"
    disk, kept = Disk(monkeypatch, file, free=100 * MIB), DiskReserve(file, size=2 * MIB)
    kept.keep()
    assert file.stat().st_size == 2 * MIB
    assert kept.within(disk.work) == "done"
    assert file.exists()
    disk.free = 0
    assert kept.within(disk.work) == "done"
    assert not file.exists()
    kept.keep()
    assert not file.exists()
    disk.free = 100 * MIB
    kept.keep()
    assert file.exists()


def test_what_fails_for_another_reason_fails_and_the_space_stays(tmp_path, monkeypatch):
    file = tmp_path / "reserve"
    Disk(monkeypatch, file, free=100 * MIB)
    kept = DiskReserve(file, size=2 * MIB)
    kept.keep()

    def fails():
        raise StorageFailed("read-only")

    with pytest.raises(StorageFailed):
        kept.within(fails)
    assert file.exists()
    with pytest.raises(StorageFailed):
        DiskReserve(None).within(fails)


def fill(file):
    with file.open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(1000))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MiB, where this user may make one."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(mounted)]
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield mounted
    subprocess.run(["umount", str(mounted)], check=True)


def test_a_row_can_be_deleted_on_a_disk_that_is_really_full(small_disk):
    connection = sqlite3.connect(small_disk / "catalog.sqlite")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE images (id INTEGER, bytes BLOB)")
    connection.executemany("INSERT INTO images VALUES (?, ?)", [(n, os.urandom(10_000)) for n in range(20)])
    connection.commit()
    monkey = pytest.MonkeyPatch()
    monkey.setattr(reserve, "_ROOM_TO_TAKE", 1)
    kept = DiskReserve(small_disk / "reserve", size=MIB)
    kept.keep()
    monkey.undo()
    with pytest.raises(OSError, match="No space"):
        fill(small_disk / "filler")

    def delete():
        try:
            with connection:
                connection.execute("DELETE FROM images WHERE id < 15")
        except sqlite3.OperationalError as full:
            raise StorageFailed(str(full)) from None

    with pytest.raises(StorageFailed):
        delete()
    kept.within(delete)
    assert connection.execute("SELECT count(*) FROM images").fetchone() == (5,)
    connection.close()
