import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event as sql_event

from lookalike.catalog import EventFilter
from lookalike.errors import EventRefused
from lookalike.types import InteractionKind

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
WRONG = [
    ({"query_id": "unknown"}, "unknown-query"),
    ({"query_id": "\x00"}, "invalid"),
    ({"image_id": "0" * 32}, "not-shown"),
    ({"image_id": "\x00"}, "not-shown"),
    ({"position": 2}, "beyond-the-list"),
    ({"position": 0}, "invalid"),
    ({"position": 1 << 40}, "invalid"),
    ({"event_id": ""}, "invalid"),
    ({"event_id": "\ud800"}, "invalid"),
    ({"user_id": "\x00"}, "invalid"),
    ({"client_id": "\x00"}, "invalid"),
    ({"dwell_seconds": 1.0}, "invalid"),
    ({"kind": InteractionKind.DWELL}, "invalid"),
    ({"kind": InteractionKind.DWELL, "dwell_seconds": float("nan")}, "invalid"),
    ({"kind": InteractionKind.DWELL, "dwell_seconds": -1.0}, "invalid"),
    ({"kind": InteractionKind.DWELL, "dwell_seconds": 86_400.1}, "invalid"),
    ({"row": 0}, "invalid"),
    ({"column": -1}, "invalid"),
    ({"fold": -1}, "invalid"),
    ({"x": float("inf")}, "invalid"),
    ({"at": datetime(2026, 1, 1)}, "invalid"),  # noqa: DTZ001 - the point
]


@pytest.fixture
def shown(library):
    """A query and its only hit."""
    image_id = library.add("a")
    return library.ask("q", ranked=[image_id]), image_id


def test_events_are_stored_once(library, catalog, shown):
    events = [library.event(f"e{n}", *shown) for n in range(3)]
    assert catalog.interactions.write(events[:2]) == 2
    assert catalog.interactions.write([*events, events[2]]) == 1
    assert catalog.interactions.write(events) == 0
    dwell = library.event("e9", *shown, kind=InteractionKind.DWELL, dwell_seconds=2.5, simulated=True)
    assert catalog.interactions.write([dwell]) == 1
    none = dict.fromkeys((kind.value for kind in InteractionKind), 0)
    assert catalog.counts().interactions == none | {"click": 3}
    assert catalog.counts().simulated_interactions == none | {"dwell": 1}


def test_events_may_name_a_hit_that_was_deleted_since_or_an_image_behind_a_hit(library, catalog):
    hit, alike = library.add("hit"), library.add("alike")
    query_id = library.ask(ranked=[hit], duplicates={hit: (alike,)})
    catalog.images.delete(hit)
    assert catalog.interactions.write([library.event("1", query_id, hit), library.event("2", query_id, alike)]) == 2


def test_an_event_about_a_picture_that_the_query_did_not_show_is_refused(library, catalog, shown):
    other = library.add("other")
    (refused,) = catalog.interactions.write_good([library.event("e", shown[0], other)]).refused
    assert refused.reason == "not-shown"


@pytest.mark.parametrize(("wrong", "reason"), WRONG)
def test_a_wrong_event_is_named_and_stored_with_its_batch_or_without(library, catalog, shown, wrong, reason):
    good = [library.event(f"good{n}", *shown) for n in range(2)]
    bad = dataclasses.replace(library.event("bad", *shown), **wrong)
    with pytest.raises(EventRefused, match="event 1 "):
        catalog.interactions.write([good[0], bad, good[1]])
    assert catalog.counts().interactions["click"] == 0
    written = catalog.interactions.write_good([good[0], bad, good[1], good[0]])
    assert (written.stored, written.already_known) == (2, 1)
    assert [(one.number, one.event_id, one.reason) for one in written.refused] == [(1, bad.event_id, reason)]
    assert list(catalog.interactions.read()) == good


def test_a_batch_takes_as_many_statements_however_much_of_it_is_refused(library, catalog, shown):
    ran = []
    listener = lambda *args: ran.append(args[2])  # noqa: E731
    sql_event.listen(catalog.database.engine, "before_cursor_execute", listener)
    unknown = [library.event(f"e{n}", f"unknown-{n}", shown[1]) for n in range(500)]
    mixed = [library.event(f"f{n}", "q" if n % 2 else f"unknown-{n}", shown[1]) for n in range(500)]
    counts = []
    for batch in (unknown, mixed):
        ran.clear()
        catalog.interactions.write_good(batch)
        counts.append(len([text for text in ran if text.lstrip().upper().startswith(("SELECT", "INSERT"))]))
    sql_event.remove(catalog.database.engine, "before_cursor_execute", listener)
    assert counts == [1, 2]  # its queries are looked up, and the events of those that are known inserted
    assert catalog.counts().interactions["click"] == 250


def test_what_was_done_is_read_back_in_blocks_with_its_queries(library, catalog):
    image_id = library.add("a")
    asked = [library.ask(f"q{n}", ranked=[image_id]) for n in range(6)]
    events = [library.event(f"e{n}", asked[n % 5], image_id) for n in range(7)]
    dwell = library.event("z", asked[0], image_id, kind=InteractionKind.DWELL, dwell_seconds=2.5, simulated=True)
    catalog.interactions.write([*events, dwell])
    for block in (1, 2, 8, 100):
        assert list(catalog.interactions.read(block=block)) == [*events, dwell]
        followed = list(catalog.queries.followed(block=block))
        assert followed == [catalog.queries.get(query_id) for query_id in sorted(asked[:5])]


def test_the_log_is_in_the_order_of_time_whole_and_filtered(library, catalog, shown):
    placed = {"row": 2, "column": 3, "fold": 1, "x": 1.5, "y": 2.0}
    names = {"client_id": "c", "session_id": "s", "user_id": "u", "application": "shop"}
    assert catalog.interactions.extent() is None
    late = library.event("a", *shown, at=NOON + timedelta(hours=1), kind=InteractionKind.SAVE, **placed, **names)
    first = library.event("b", *shown, at=NOON - timedelta(hours=1), kind=InteractionKind.IMPRESSION, simulated=True)
    same_time = [library.event(name, *shown) for name in ("x", "c", "d")]
    catalog.interactions.write([late, *same_time, first])
    assert catalog.interactions.extent() == (first.at, late.at)
    in_order = [first, same_time[1], same_time[2], same_time[0], late]
    for block in (1, 2, 3, 100):
        assert list(catalog.interactions.log(block=block)) == in_order

    def log(**wanted):
        return list(catalog.interactions.log(EventFilter(**wanted)))

    assert log(since=NOON) == in_order[1:]
    assert log(until=NOON) == in_order[:1]
    assert log(kinds=(InteractionKind.SAVE, InteractionKind.IMPRESSION)) == [first, late]
    assert log(simulated=False) == in_order[1:]
    assert log(simulated=True, since=NOON) == []


def test_events_are_forgotten_by_age_and_by_person(library, catalog, shown, monkeypatch):
    monkeypatch.setattr("lookalike.catalog.stores.interactions._FORGOTTEN_AT_ONCE", 2)
    old = [library.event(f"old{n}", *shown, at=NOON - timedelta(days=40)) for n in range(5)]
    hers = [library.event(f"hers-{name}", *shown, **{name: "ann"}) for name in ("user_id", "client_id", "session_id")]
    others = [library.event("other", *shown, user_id="bob"), library.event("nobody", *shown)]
    catalog.interactions.write([*old, *hers, *others])
    assert catalog.interactions.forget(older_than=NOON - timedelta(days=30)) == 5
    assert catalog.interactions.forget_person("ann") == 3
    assert catalog.interactions.forget_person("ann") == catalog.interactions.forget_person("") == 0
    assert catalog.interactions.forget_person("\x00") == 0
    assert list(catalog.interactions.log()) == sorted(others, key=lambda event: event.event_id)
