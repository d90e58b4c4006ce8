import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime

import pytest

from lookalike.catalog import Catalog, QueryRecord
from lookalike.errors import LibraryBusy, StorageFailed

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "catalog.sqlite"


@pytest.fixture
def catalog(file, tmp_path):
    with Catalog.open(f"sqlite:///{file}", originals=tmp_path / "originals", busy_seconds=0.2) as opened:
        yield opened


def asked(query_id):
    return QueryRecord(id=query_id, generation="g", ranked_ids=("a" * 32,), at=NOON)


def test_another_connection_sees_what_was_written_when_it_returns(catalog, file):
    catalog.queries.write([asked("b"), asked("a")])
    with closing(sqlite3.connect(file)) as other:
        assert other.execute("SELECT id FROM queries ORDER BY id").fetchall() == [("a",), ("b",)]


def test_many_threads_lose_nothing(catalog):
    def write(number):
        for place in range(20):
            catalog.queries.write([asked(f"{number}-{place}")])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(catalog.queries.latest(1000)) == 80


def test_while_another_process_writes_it_gives_up_in_time_and_works_again_then(catalog, file):
    catalog.queries.write([asked("before")])
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LibraryBusy):
            catalog.queries.write([asked("meanwhile")])
        other.execute("ROLLBACK")
    catalog.queries.write([asked("after")])
    assert {one.id for one in catalog.queries.latest(10)} == {"before", "after"}


def test_what_the_database_refuses_is_told_and_nothing_of_it_stays(catalog, file):
    catalog.queries.write([asked("before")])
    with closing(sqlite3.connect(file)) as other:
        other.execute(
            "CREATE TRIGGER full BEFORE INSERT ON queries WHEN new.id = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    with pytest.raises(Exception, match="no"):
        catalog.queries.write([asked("also"), asked("bad")])
    assert [one.id for one in catalog.queries.latest(10)] == ["before"]
    catalog.queries.write([asked("after")])
    assert len(catalog.queries.latest(10)) == 2


def test_a_file_that_was_replaced_gets_what_is_written_then(catalog, file, tmp_path):
    catalog.queries.write([asked("old")])
    with Catalog.open(f"sqlite:///{tmp_path / 'new.sqlite'}", originals=tmp_path / "originals"):
        pass
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    (tmp_path / "new.sqlite").rename(file)
    catalog.queries.write([asked("new")])
    with closing(sqlite3.connect(file)) as other:
        assert other.execute("SELECT id FROM queries").fetchall() == [("new",)]


def test_a_file_that_is_gone_is_told(catalog, file):
    catalog.queries.write([asked("old")])
    file.unlink()
    with pytest.raises(StorageFailed):
        catalog.queries.write([asked("new")])
