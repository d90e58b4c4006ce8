"""Where queries are written before they are answered."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from doubles import picture
from lookalike.catalog import Catalog, QueryRecord
from lookalike.errors import InternalFault, LibraryBusy, StorageFailed
from lookalike.retrieval import Query, QueryJournal, journal
from parts import write_pictures

RECORD = QueryRecord(id="q", generation="g", ranked_ids=("a" * 32,), at=datetime(2026, 1, 2, tzinfo=UTC), vector=b"")


@pytest.fixture
def library(parts, tmp_path):
    parts.indexer.index([write_pictures(tmp_path / "photos", range(40))])
    return parts


@pytest.fixture
def full(library, monkeypatch):
    """A disk on which no query can be written, until the function is called."""
    stores = type(library.catalog.queries)
    write, room = stores.write, []

    def write_if_there_is_room(store, records):
        if not room:
            raise StorageFailed("disk full")
        write(store, records)

    monkeypatch.setattr(stores, "write", write_if_there_is_room)
    return lambda: room.append(True)


def test_an_answered_query_is_known_to_every_process(library):
    answer = library.find(picture(7))
    with Catalog.open(library.catalog.database.engine.url.render_as_string(), originals=library.folder) as other:
        assert other.queries.get(answer.query_id).ranked_ids


def test_what_cannot_be_written_is_found_here_and_written_later(library, full, monkeypatch):
    monkeypatch.setattr(journal, "_SECONDS_BETWEEN_TRIES", 0.02)
    kept = QueryJournal(library.catalog)
    kept.add(RECORD)
    kept.add(replace(RECORD, ranked_ids=("a" * 32, "b" * 32)))
    assert kept.find("q").ranked_ids == ("a" * 32, "b" * 32)
    assert [record.id for record in kept.latest(10)] == ["q"]
    assert library.catalog.queries.get("q") is None
    full()
    kept._trying.join(30)
    assert library.catalog.queries.get("q").ranked_ids == ("a" * 32, "b" * 32)
    kept.close()


def test_only_the_first_search_waits_for_a_database_that_is_held(library, monkeypatch):
    tried = []

    def held(_store, records):
        tried.append(len(records))
        raise LibraryBusy("held")

    monkeypatch.setattr(type(library.catalog.queries), "write", held)
    monkeypatch.setattr(journal, "_SECONDS_BETWEEN_TRIES", 3600)
    kept = QueryJournal(library.catalog)
    for number in range(20):
        kept.add(replace(RECORD, id=f"q{number}"))
    assert tried == [1]
    assert all(kept.find(f"q{number}") is not None for number in range(20))
    kept.close()


def test_searches_that_end_at_the_same_time_share_a_transaction(library, monkeypatch):
    stores = type(library.catalog.queries)
    write, began, may_end, sizes = stores.write, threading.Event(), threading.Event(), []

    def slow(store, records):
        sizes.append(len(records))
        began.set()
        assert may_end.wait(60)
        write(store, records)

    monkeypatch.setattr(stores, "write", slow)
    kept = QueryJournal(library.catalog)
    with ThreadPoolExecutor(9) as pool:
        adding = [pool.submit(kept.add, replace(RECORD, id="q0"))]
        assert began.wait(60)
        adding += [pool.submit(kept.add, replace(RECORD, id=f"q{number}")) for number in range(1, 9)]
        while len(kept._entries) < 8:
            time.sleep(0.01)
        assert not any(future.done() for future in adding)
        may_end.set()
        for future in adding:
            future.result(60)
    assert sizes == [1, 8]
    assert all(library.catalog.queries.get(f"q{number}") is not None for number in range(9))
    kept.close()


def test_a_mistake_in_writing_is_told_to_all_whose_queries_are_not_written(library, monkeypatch):
    def broken(_store, _records):
        raise InternalFault("no such table")

    monkeypatch.setattr(type(library.catalog.queries), "write", broken)
    kept = QueryJournal(library.catalog)
    with pytest.raises(InternalFault):
        kept.add(RECORD)
    assert kept.find("q") is None


def test_what_waits_is_written_at_the_end(library, full):
    kept = QueryJournal(library.catalog)
    kept.add(RECORD)
    full()
    kept.close()
    assert library.catalog.queries.get("q") is not None


def test_of_what_cannot_be_written_the_oldest_goes_first(library, full):
    kept = QueryJournal(library.catalog, most=2)
    for name in "abc":
        kept.add(replace(RECORD, id=name))
    assert [kept.find(name) is not None for name in "abc"] == [False, True, True]
    assert kept.dropped == 1
    full()
    kept.close()


def test_a_search_is_answered_though_its_query_cannot_be_written(library, full):
    answer = library.find(picture(7), limit=2)
    assert len(answer.hits) == 2
    assert library.engine.page(answer.query_id, offset=2, limit=2).hits
    full()


def test_the_latest_queries_are_those_of_every_process(library):
    first, other = library.find(picture(7)), library.new_engine()
    try:
        assert library.engine._journal.latest(1)[0].id == first.query_id
        second = other.search(Query.picture(picture(8)))
        assert [record.id for record in library.engine._journal.latest(2)] == [second.query_id, first.query_id]
    finally:
        other.close()


def test_a_page_is_answered_by_an_engine_that_never_had_the_snapshot(library):
    """Its closeness is that of the answer, though the index was published anew since, and twice."""
    answer = library.find(picture(7), limit=5)
    expected = library.engine.page(answer.query_id, offset=5, limit=5)
    for seed in (900, 901):
        library.upload(seed)
        library.publisher.publish(library.indexer.model)
    other = library.new_engine()
    try:
        page = other.page(answer.query_id, offset=5, limit=5)
    finally:
        other.close()
    shown = [(hit.rank, hit.image.id, hit.cosine, hit.closeness, hit.match) for hit in page.hits]
    assert shown == [(hit.rank, hit.image.id, hit.cosine, hit.closeness, hit.match) for hit in expected.hits]


def test_two_processes_that_page_through_a_query_at_once_show_the_same(library, monkeypatch):
    first, second = library.new_engine(depth=10), library.new_engine(depth=10)
    try:
        query_id = first.search(Query.picture(picture(7), limit=5)).query_id
        at_first = library.catalog.queries.get(query_id)
        shown = [hit.image.id for hit in first.page(query_id, offset=0, limit=20).hits]
        library.upload(7, noise=3)  # another ranking than a moment ago
        find, stale = second._journal.find, [at_first]
        monkeypatch.setattr(second._journal, "find", lambda wanted: stale.pop() if stale else find(wanted))
        assert [hit.image.id for hit in second.page(query_id, offset=0, limit=40).hits][:20] == shown
        assert [hit.image.id for hit in first.page(query_id, offset=0, limit=20).hits] == shown
    finally:
        first.close()
        second.close()
