import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from lookalike.catalog import Catalog, QueryRecord, flushing, sqlite_url
from lookalike.catalog.flushing import LogFlusher
from lookalike.errors import StorageFailed

RECORD = QueryRecord(id="q", generation="g", ranked_ids=("a" * 32,), at=datetime(2026, 1, 2, tzinfo=UTC), vector=b"")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "catalog.sqlite"


@pytest.fixture
def catalog(file, tmp_path):
    with Catalog.open(sqlite_url(file), originals=tmp_path / "originals") as opened:
        yield opened


@pytest.fixture
def flushed(monkeypatch):
    """The logs that were flushed; `held` keeps flushes from ending."""
    logs, flush = [], flushing._flush

    def recorded(log):
        logs.append(log)
        flush(log)

    monkeypatch.setattr(flushing, "_flush", recorded)
    return logs


def test_a_small_write_is_on_disk_when_it_returns_and_a_query_need_not_be(catalog, file, flushed):
    catalog.queries.write([RECORD])
    assert flushed == []
    catalog.collections.add("shoes", ())
    assert set(flushed) == {file.with_name("catalog.sqlite-wal")}


def test_a_query_does_not_wait_for_the_disk_that_another_write_waits_for(catalog, monkeypatch):
    began, may_end = threading.Event(), threading.Event()

    def slow(_log):
        began.set()
        assert may_end.wait(60)

    monkeypatch.setattr(flushing, "_flush", slow)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(catalog.collections.add, "shoes", ())
        assert began.wait(60)
        catalog.queries.write([RECORD])
        assert catalog.queries.get("q") is not None
        assert not writing.done()
        may_end.set()
        writing.result(60)


def test_a_disk_that_fails_is_told(catalog, monkeypatch):
    def failing(_log):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(flushing, "_flush", failing)
    with pytest.raises(StorageFailed, match="cannot be flushed"):
        catalog.collections.add("shoes", ())


def test_those_who_come_while_a_flush_runs_share_the_next_one(file, monkeypatch):
    began, may_end, flushes = threading.Event(), threading.Event(), []

    def slow(log):
        flushes.append(log)
        began.set()
        assert may_end.wait(60)

    monkeypatch.setattr(flushing, "_flush", slow)
    flusher = LogFlusher(file)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(flusher.flush)
        assert began.wait(60)
        others = [pool.submit(flusher.flush) for _ in range(8)]
        while sum(future.running() for future in others) < len(others):
            threading.Event().wait(0.01)
        threading.Event().wait(0.2)  # they wait for their turn
        assert not any(future.done() for future in others)
        may_end.set()
        for future in (first, *others):
            future.result(60)
    assert len(flushes) == 2


def test_a_log_that_is_gone_was_copied_into_its_file(tmp_path):
    LogFlusher(tmp_path / "nothing.sqlite").flush()
    assert list(tmp_path.iterdir()) == []
