import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lookalike.catalog import QueryRecord
from lookalike.errors import CallerError, EventRefused
from lookalike.types import Box, InteractionKind, User

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def test_a_query_comes_back_as_it_was_recorded(library, catalog):
    ids = [library.addition(f"{n}").content_id for n in range(300)]
    whole = QueryRecord(
        id="q-1",
        generation="clip/000001",
        ranked_ids=tuple(ids),
        at=NOON + timedelta(microseconds=1),
        image_id=ids[0],
        crop=Box(x=0.1, y=0.2, width=0.3, height=0.4),
        vector=np.ones(4, np.float16).tobytes(),
        fingerprint="f" * 64,
        duplicates={ids[0]: (ids[1], ids[2])},
        include_self=False,
        neighbors=301,
        images=1_000,
        calibration=(0.25, 0.5, 0.75),
    )
    bare = QueryRecord(id="q-2", generation="g", ranked_ids=(), at=NOON)
    catalog.queries.write([whole, bare])
    catalog.queries.write([dataclasses.replace(whole, generation="other")])
    assert catalog.queries.get("q-1") == whole
    assert catalog.queries.get("q-2") == bare
    assert catalog.queries.get("q-3") is None
    assert catalog.queries.get("\x00") is catalog.queries.get("\ud800") is None


def test_what_a_query_ranks_is_only_gone_on_with(library, catalog):
    a, b, c, d = (library.addition(name).content_id for name in "abcd")
    library.ask("q", ranked=[a])
    library.ask("q", ranked=[a, b], neighbors=7)
    assert (catalog.queries.get("q").ranked_ids, catalog.queries.get("q").neighbors) == ((a, b), 7)
    library.ask("q", ranked=[a, c, d])  # by another process, which had not seen the second record
    library.ask("q", ranked=[a])
    assert catalog.queries.get("q").ranked_ids == (a, b)


def test_events_are_stored_once(library, catalog):
    image_id = library.add("a")
    query_id = library.ask(ranked=[image_id])
    events = [library.event(f"e{n}", query_id, image_id, position=n + 1) for n in range(3)]
    assert catalog.interactions.write(events[:2]) == 2
    assert catalog.interactions.write([*events, events[2]]) == 1
    assert catalog.interactions.write(events) == 0
    dwell = library.event("e9", query_id, image_id, kind=InteractionKind.DWELL, dwell_seconds=2.5, simulated=True)
    assert catalog.interactions.write([dwell]) == 1
    assert catalog.counts().interactions == {"impression": 0, "click": 3, "dwell": 0}
    assert catalog.counts().simulated_interactions == {"impression": 0, "click": 0, "dwell": 1}


def test_events_may_name_a_hit_that_was_deleted_since_or_a_live_duplicate(library, catalog):
    hit, duplicate = library.add("hit"), library.add("duplicate")
    query_id = library.ask(ranked=[hit])
    catalog.images.delete(hit)
    assert catalog.interactions.write([library.event("1", query_id, hit), library.event("2", query_id, duplicate)]) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"query_id": "unknown"},
        {"query_id": "\x00"},
        {"image_id": "0" * 32},
        {"image_id": "\x00"},
        {"event_id": ""},
        {"event_id": "\ud800"},
        {"user_id": "\x00"},
        {"position": 0},
        {"position": 1 << 40},
        {"dwell_seconds": 1.0},
        {"kind": InteractionKind.DWELL},
        {"kind": InteractionKind.DWELL, "dwell_seconds": float("nan")},
        {"kind": InteractionKind.DWELL, "dwell_seconds": -1.0},
        {"at": datetime(2026, 1, 1)},  # noqa: DTZ001 - the point
    ],
)
def test_a_wrong_event_is_named_and_nothing_of_its_batch_is_stored(library, catalog, wrong):
    image_id = library.add("a")
    query_id = library.ask(ranked=[image_id])
    good = [library.event(f"good{n}", query_id, image_id) for n in range(2)]
    bad = dataclasses.replace(library.event("bad", query_id, image_id), **wrong)
    with pytest.raises(EventRefused, match="event 1 "):
        catalog.interactions.write([good[0], bad, good[1]])
    assert catalog.counts().interactions["click"] == 0


def test_old_queries_are_forgotten_but_for_those_people_acted_on(library, catalog):
    image_id = library.add("a")
    for query_id, age in (("old", 40), ("old-clicked", 40), ("new", 1)):
        library.ask(query_id, ranked=[image_id], at=NOON - timedelta(days=age))
    catalog.interactions.write([library.event("e", "old-clicked", image_id)])
    month_ago = NOON - timedelta(days=30)
    assert catalog.queries.forget(older_than=month_ago) == 1
    assert catalog.queries.get("old") is None
    assert catalog.queries.get("old-clicked") is not None
    assert catalog.queries.forget(older_than=month_ago, keep_with_interactions=False) == 1
    assert (catalog.counts().queries, catalog.counts().interactions["click"]) == (1, 0)
    assert catalog.queries.get("new") is not None


def test_users_are_added_and_replaced(catalog):
    ann = User(id="ann", age=30, gender="f", city="Wien", country="AT", language="de", time_zone="Europe/Vienna")
    catalog.people.write([ann, User(id="bob")])
    assert catalog.people.get("ann") == ann
    assert catalog.people.get("bob") == User(id="bob")
    catalog.people.write([User(id="ann", age=31), User(id="cy")])
    assert catalog.people.get("ann") == User(id="ann", age=31)
    assert catalog.counts().users == 3
    assert catalog.people.get("nobody") is catalog.people.get("\x00") is None
    for wrong in (User(id="\x00"), User(id="d", city="\ud800"), User(id="d", age=-1), User(id="d", age=1 << 40)):
        with pytest.raises(CallerError):
            catalog.people.write([User(id="e"), wrong])
    assert catalog.people.get("e") is None


def test_what_was_done_is_read_back_in_blocks_with_its_queries(library, catalog):
    image_id = library.add("a")
    asked = [library.ask(f"q{n}", ranked=[image_id]) for n in range(6)]
    events = [library.event(f"e{n}", asked[n % 5], image_id, position=n + 1) for n in range(7)]
    dwell = library.event("z", asked[0], image_id, kind=InteractionKind.DWELL, dwell_seconds=2.5, simulated=True)
    catalog.interactions.write([*events, dwell])
    for block in (1, 2, 8, 100):
        assert list(catalog.interactions.read(block=block)) == [*events, dwell]
        followed = list(catalog.queries.followed(block=block))
        assert followed == [catalog.queries.get(query_id) for query_id in sorted(asked[:5])]
