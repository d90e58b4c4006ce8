"""Small writes beside batches of images, from threads and processes."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from lookalike.catalog import Catalog, sqlite_url
from lookalike.errors import LibraryBusy
from lookalike.types import Grade, User

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def write_all_kinds(library, catalog, image_id, name):
    library.ask(name, ranked=[image_id])
    catalog.interactions.write([library.event(name, name, image_id)])
    catalog.judgements.write([Grade(query_image_id=image_id, image_id=image_id, grade=3, at=NOON, user_id=name)])
    catalog.people.write([User(id=name)])


@pytest.mark.parametrize("new_url", ["postgresql"], indirect=True)  # a SQLite file has one writer at a time
def test_on_a_server_nothing_but_images_waits_for_a_batch_of_images(library, catalog):
    image_id = library.add("a")
    with catalog.database.changing(), ThreadPoolExecutor(1) as pool:
        pool.submit(write_all_kinds, library, catalog, image_id, "during").result(timeout=20)
        pool.submit(write_all_kinds, library, library.catalog, image_id, "again").result(timeout=20)
    assert catalog.counts().interactions["click"] == 2


def test_a_click_goes_between_two_batches_of_images_that_follow_each_other(library, catalog):
    image_id = library.add("a")
    query_id = library.ask("q", ranked=[image_id])
    batches, begun, ended = 0, threading.Event(), threading.Event()

    def write_batches():
        nonlocal batches
        with library.another() as indexing:
            while not ended.is_set():
                with indexing.database.changing():
                    begun.set()
                    time.sleep(0.03)
                batches += 1

    with ThreadPoolExecutor(1) as pool:
        indexing = pool.submit(write_batches)
        assert begun.wait(timeout=20)
        waited = []
        for number in range(20):
            before = batches
            catalog.interactions.write([library.event(f"e{number}", query_id, image_id)])
            waited.append(batches - before)
        ended.set()
        indexing.result()
    assert sorted(waited)[len(waited) // 2] <= 1  # the batch that was being written
    assert max(waited) <= 5
    assert batches > 0


def test_what_may_be_put_off_waits_for_a_second_at_most(library, sqlite_file):
    with Catalog.open(sqlite_url(sqlite_file), originals=sqlite_file.parent) as catalog, ThreadPoolExecutor(1) as pool:
        with catalog.database.changing():
            asked = pool.submit(type(library)(catalog).ask, "q")
            with pytest.raises(LibraryBusy):
                asked.result(timeout=30)  # the engine's own patience is a minute
        assert catalog.queries.get("q") is None


def test_a_query_is_seen_by_other_processes_when_it_was_written(library):
    with library.another() as other:
        for number in range(20):
            library.ask(f"q{number}")
            assert other.queries.get(f"q{number}") is not None


def test_the_same_events_sent_at_once_are_stored_once(library, catalog):
    image_id = library.add("a")
    query_id = library.ask("q", ranked=[image_id])
    events = [library.event(f"e{number}", query_id, image_id) for number in range(50)]
    with library.another() as other, ThreadPoolExecutor(8) as pool:
        writers = [catalog, other] * 4
        stored = list(pool.map(lambda one: sum(one.interactions.write([event]) for event in events), writers))
    assert sum(stored) == catalog.counts().interactions["click"] == 50


def test_the_same_people_grades_and_queries_may_be_written_at_once(library, catalog):
    image_id = library.add("a")

    def write(one):
        for number in range(20):
            write_all_kinds(library, one, image_id, f"n{number}")

    with library.another() as other, ThreadPoolExecutor(4) as pool:
        list(pool.map(write, [catalog, other] * 2))
    counts = catalog.counts()
    assert (counts.queries, counts.users, counts.grades, counts.interactions["click"]) == (20, 20, 20, 20)


def test_a_query_that_gets_an_event_is_not_forgotten_meanwhile(library, catalog):
    """Events are refused or stored; neither they nor the forgetting fail in the database."""
    image_id = library.add("a")
    ids = [library.ask(f"q{number}", ranked=[image_id]) for number in range(60)]

    def follow(query_id):
        try:
            return catalog.interactions.write([library.event(query_id, query_id, image_id)])
        except Exception as refusal:  # noqa: BLE001 - which one is asserted below
            return type(refusal).__name__

    with library.another() as other, ThreadPoolExecutor(4) as pool:
        followed = [pool.submit(follow, query_id) for query_id in ids]
        forgotten = other.queries.forget(older_than=NOON.replace(year=2030))
        results = [one.result() for one in followed]
    assert set(results) <= {1, "EventRefused"}
    kept = {query_id for query_id in ids if catalog.queries.get(query_id) is not None}
    assert {query_id for query_id, result in zip(ids, results, strict=True) if result == 1} <= kept
    assert len(kept) + forgotten == len(ids)
