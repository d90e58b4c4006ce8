"""What was acknowledged is there once: after kill -9, beside other writers, and when the disk is full."""

import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event

from lookalike.catalog import AdditionResult, Catalog, sqlite_url
from lookalike.errors import LibraryBusy, StorageFailed

WRITER = Path(__file__).with_name("writer.py")
KILLS = 6


def start_writer(url, originals, name, *, most=100_000):
    return subprocess.Popen(
        [sys.executable, WRITER, url, originals, name, str(most)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # `communicate` would not see what `readline` had buffered
    )


def everything_in(catalog):
    found, page = [], catalog.images.browse(limit=1000)
    while page.images:
        found += [image.id for image in page.images]
        if page.next is None:
            break
        page = catalog.images.browse(limit=1000, after=page.next)
    return found


def test_what_a_killed_writer_acknowledged_is_there_once(new_url, tmp_path):
    url, originals, chance = new_url(), tmp_path / "originals", random.Random(20_261_122)
    acknowledged: set[str] = set()
    for attempt in range(KILLS):
        writer = start_writer(url, originals, f"attempt {attempt}")
        heard = [writer.stdout.readline() for _ in range(1 + attempt)]  # it has begun to write
        time.sleep(chance.uniform(0, 0.2))
        writer.kill()
        rest, faults = writer.communicate(timeout=120)
        assert faults == b""
        lines = b"".join([*heard, rest]).decode().split("\n")[:-1]  # the last one may be half a line
        assert lines
        acknowledged.update(lines)
    with Catalog.open(url, originals=originals) as catalog:
        stored = everything_in(catalog)
        assert len(stored) == len(set(stored))
        assert acknowledged <= set(stored)
        assert len(stored) <= len(acknowledged) + 2 * KILLS  # at most the batch whose words were lost
        assert catalog.vectors.get("5" * 64, stored).keys() == set(stored)
        changes = catalog.changes.read(after=0, fingerprint="5" * 64, limit=10**6)
        assert sorted(change.image_id for change in changes) == sorted(stored)
        catalog.uploads.collect_orphans()
        assert catalog.check() == []


def test_processes_that_write_at_once_wait_for_each_other(new_url, tmp_path):
    url, originals = new_url(), tmp_path / "originals"
    writers = [start_writer(url, originals, name, most=40) for name in ("first", "second", "third")]
    printed = []
    for writer in writers:
        words, faults = writer.communicate(timeout=120)
        assert (writer.returncode, faults) == (0, b"")
        printed += words.decode().split()
    with Catalog.open(url, originals=originals) as catalog:
        assert len(printed) == 120
        assert sorted(everything_in(catalog)) == sorted(printed)
        assert catalog.changes.sequence() == 120
        assert catalog.check() == []


def test_threads_read_and_write_at_once(library, catalog):
    stop = threading.Event()

    def read():
        last = 0
        while not stop.is_set():
            now = catalog.changes.sequence()
            assert now >= last
            last = now
            changes = catalog.changes.read(after=0, fingerprint=library.fingerprint)
            assert [change.sequence for change in changes] == list(range(1, len(changes) + 1))
            assert len(changes) >= now

    def write(thread):
        for n in range(15):
            library.add(f"{thread} {n}", vector=library.unit(n))

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for writer in [pool.submit(write, thread) for thread in range(4)]:
            writer.result()
        stop.set()
        for reader in readers:
            reader.result()
    assert catalog.counts().live == catalog.changes.sequence() == 60


def test_a_lock_that_is_not_to_be_had_in_time_is_said(library, new_url, tmp_path):
    url = new_url()
    with (
        Catalog.open(url, originals=tmp_path, busy_seconds=0.3) as first,
        Catalog.open(url, originals=tmp_path, busy_seconds=0.3) as second,
    ):
        with first.database.changing():
            with pytest.raises(LibraryBusy):
                second.images.add([library.addition("a")])
            with pytest.raises(LibraryBusy), ThreadPoolExecutor(1) as pool:
                pool.submit(first.images.add, [library.addition("a")]).result()
            assert second.counts().live == 0
        assert second.images.add([library.addition("a")]) == [AdditionResult.NEW]


def test_a_full_database_loses_nothing_that_was_stored(library, sqlite_file):
    with Catalog.open(sqlite_url(sqlite_file), originals=sqlite_file.parent / "originals") as catalog:
        pages = 100

        def limit_pages(connection, _record):
            connection.execute(f"PRAGMA max_page_count = {pages}")

        catalog.database.engine.dispose()
        event.listen(catalog.database.engine, "connect", limit_pages)
        stored = fill(library, catalog)
        assert sorted(everything_in(catalog)) == sorted(stored)
        assert catalog.changes.sequence() == len(stored)
        assert catalog.check() == []
        pages = 110  # somebody made room
        catalog.database.engine.dispose()
        catalog.images.delete(stored[0])
        assert catalog.check() == []


def fill(library, catalog, *, upload=False):
    """Add images until the disk is full; the ids of those that were acknowledged."""
    stored: list[str] = []
    for n in range(3000):
        content = b"%d" % n * 2000
        options = {"content": content, "upload": content} if upload else {"name": f"{n}"}
        addition = library.addition(vector=library.unit(n, dimension=256), **options)
        try:
            catalog.images.add([addition])
        except StorageFailed as fault:
            if re.search("full|space", str(fault)):
                return stored
            raise
        stored.append(addition.content_id)
    pytest.fail("the disk never was full")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB; only root can make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = shutil.which("mount") and os.geteuid() == 0
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]
    if not mounted or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("upload", [False, True])
def test_a_full_disk_loses_nothing_that_was_stored(library, small_disk, upload):
    url, originals = sqlite_url(small_disk / "catalog.sqlite"), small_disk / "originals"
    with Catalog.open(url, originals=originals) as catalog:
        stored = fill(library, catalog, upload=upload)
        assert len(stored) > 5
        assert sorted(everything_in(catalog)) == sorted(stored)
        subprocess.run(["mount", "-o", "remount,size=16m", small_disk], check=True)
        catalog.uploads.collect_orphans()
        assert catalog.check() == []
        library_again = library.addition("after", vector=library.unit(1, dimension=256))
        assert catalog.images.add([library_again]) == [AdditionResult.NEW]
    with Catalog.open(url, originals=originals) as catalog:
        assert sorted(everything_in(catalog)) == sorted([*stored, library_again.content_id])


def test_a_disk_that_may_only_be_read_is_said(library, sqlite_file):
    with Catalog.open(sqlite_url(sqlite_file), originals=sqlite_file.parent) as catalog:
        image_id = library.addition("a").content_id
        catalog.images.add([library.addition("a")])
        catalog.database.engine.dispose()
        event.listen(
            catalog.database.engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON")
        )
        with pytest.raises(StorageFailed):
            catalog.images.delete(image_id)
        assert catalog.images.get(image_id).id == image_id
