import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lookalike.catalog import AskedQuery, QueryRecord
from lookalike.errors import CallerError
from lookalike.types import Box, User

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
        simulated=True,
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


def test_what_was_asked_is_read_in_the_order_of_time(library, catalog):
    a, b = (library.addition(name).content_id for name in "ab")
    library.ask("z", ranked=[a, b], image_id=a, crop=Box(x=0.1, y=0.2, width=0.3, height=0.4))
    library.ask("a", at=NOON + timedelta(hours=1), simulated=True)
    library.ask("m", ranked=[b])
    picture = AskedQuery(id="m", generation="g", at=NOON, image_id=None, cropped=False, hits=1, simulated=False)
    cropped = dataclasses.replace(picture, id="z", image_id=a, cropped=True, hits=2)
    nothing = dataclasses.replace(picture, id="a", at=NOON + timedelta(hours=1), hits=0, simulated=True)
    for block in (1, 2, 100):
        assert list(catalog.queries.asked(block=block)) == [picture, cropped, nothing]
    assert list(catalog.queries.asked(since=NOON + timedelta(minutes=1))) == [nothing]
    assert list(catalog.queries.asked(until=NOON + timedelta(hours=1))) == [picture, cropped]
