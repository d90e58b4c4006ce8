"""What must be done once is done by one of the processes that serve a library."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from lookalike.catalog import QueryRecord
from lookalike.errors import StorageFailed
from lookalike.serving.background import Duty, Forgetting, RecallWatch

HOUR = timedelta(hours=1)


def duty(catalog):
    return Duty(catalog, "duty", every=HOUR)


def test_one_process_has_a_duty_until_it_gives_it_back(library):
    first, second = duty(library.catalog), duty(library.catalog)
    assert [first.is_ours(), second.is_ours(), first.is_ours()] == [True, False, True]
    second.give_back()  # what is not its own
    assert not second.is_ours()
    first.give_back()
    assert [second.is_ours(), first.is_ours()] == [True, False]


def test_a_duty_passes_on_when_its_process_does_not_ask_again(library, monkeypatch):
    monkeypatch.setattr("lookalike.serving.background.duty._LEAST", timedelta(0))
    gone, other = Duty(library.catalog, "duty", every=timedelta(0)), duty(library.catalog)
    assert gone.is_ours()
    assert other.is_ours()


def test_whose_duty_it_is_may_not_be_known_for_a_while(library, monkeypatch):
    def full(*_, **__):
        raise StorageFailed("disk full")

    monkeypatch.setattr(library.catalog.leases, "take", full)
    assert not duty(library.catalog).is_ours()


def test_old_queries_are_forgotten_by_one_of_two_servers(library):
    month_ago = datetime.now(UTC) - timedelta(days=31)
    old = QueryRecord(id="old", generation="g", ranked_ids=(), at=month_ago)
    new = QueryRecord(id="new", generation="g", ranked_ids=(), at=datetime.now(UTC))
    library.catalog.queries.write([old, new])
    servers = [Forgetting(library.catalog, queries=timedelta(days=30), every=timedelta(seconds=0.02)) for _ in range(2)]
    for server in servers:
        server.start()
    end = time.monotonic() + 30
    while library.catalog.queries.get("old") is not None:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert sum(server._duty._held for server in servers) == 1
    for server in servers:
        server.stop()
    assert library.catalog.queries.get("new") is not None


def test_recall_is_measured_by_one_of_two_servers(library):
    measured = []

    class Engine:
        """Measures nothing, and counts how often it was asked."""

        def __init__(self, name):
            self.name = name

        def recall_of_latest(self, **_):
            measured.append(self.name)

    engines: list[Any] = [Engine(name) for name in "ab"]
    watches = [RecallWatch(library.catalog, engine, seconds=0.02) for engine in engines]
    for watch in watches:
        watch.start()
    end = time.monotonic() + 30
    while len(measured) < 5:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert len(set(measured)) == 1
    for watch in watches:
        watch.stop()
