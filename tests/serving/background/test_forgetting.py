import time
from datetime import UTC, datetime, timedelta

import pytest

from lookalike.catalog import QueryRecord
from lookalike.serving.background import Forgetting
from lookalike.types import Interaction, InteractionKind

NOW = datetime.now(UTC)
IMAGE = "0" * 32


@pytest.fixture
def clicked(library):
    """Two queries, each clicked when it was asked: 40 days ago and an hour ago."""
    for name, age in (("old", timedelta(days=40)), ("new", timedelta(hours=1))):
        library.catalog.queries.write([QueryRecord(id=name, generation="g", ranked_ids=(IMAGE,), at=NOW - age)])
        click = Interaction(
            event_id=name, query_id=name, image_id=IMAGE, position=1, kind=InteractionKind.CLICK, at=NOW - age
        )
        library.catalog.interactions.write([click])
    return library.catalog


def left(catalog):
    return [event.event_id for event in catalog.interactions.log()], {
        name for name in ("old", "new") if catalog.queries.get(name)
    }


@pytest.mark.parametrize(
    ("retention", "expected"),
    [
        ({"events": timedelta(days=30), "queries": timedelta(days=30)}, (["new"], {"new"})),
        ({"events": timedelta(days=30), "queries": None}, (["new"], {"old", "new"})),
        ({"events": None, "queries": timedelta(minutes=1)}, (["old", "new"], {"old", "new"})),
    ],
)
def test_old_events_are_forgotten_and_with_them_the_queries_that_only_they_kept(
    clicked, monkeypatch, retention, expected
):
    forgetting = Forgetting(clicked, every=timedelta(seconds=0.01), **retention)
    turns = []
    take = forgetting._take_turn
    monkeypatch.setattr(forgetting, "_take_turn", lambda *, ours: turns.append(take(ours=ours)))
    forgetting.start()
    end = time.monotonic() + 30
    while len(turns) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
    forgetting.stop()
    assert left(clicked) == expected


def test_nothing_is_forgotten_where_everything_is_kept(clicked):
    forgetting = Forgetting(clicked, queries=None, every=timedelta(seconds=0.01))
    forgetting.start()
    assert forgetting._thread is None
    forgetting.stop()
