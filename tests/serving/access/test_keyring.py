import asyncio
import threading
from types import SimpleNamespace
from typing import Any

from lookalike.errors import StorageFailed
from lookalike.serving.access import keyring
from lookalike.serving.access.keyring import KeyRing


class Keys:
    """What a catalog says of its keys; it answers when it may."""

    def __init__(self):
        self.are_some, self.asked, self.fails = False, 0, False
        self.may_answer = threading.Event()
        self.may_answer.set()

    def are_there(self):
        self.asked += 1
        self.may_answer.wait(60)
        if self.fails:
            raise StorageFailed("no disk")
        return self.are_some


def ring_at(monkeypatch, keys, clock):
    monkeypatch.setattr(keyring, "time", SimpleNamespace(monotonic=lambda: clock.now))
    catalog: Any = SimpleNamespace(keys=keys)
    return KeyRing(catalog, seconds=1.0)


async def looked(ring):
    """Wait until the look ahead has ended."""
    await asyncio.wait([ring._looking])
    await asyncio.sleep(0)


def test_under_steady_traffic_no_request_waits_for_the_catalog(monkeypatch, portal):
    keys, clock = Keys(), SimpleNamespace(now=0.0)
    ring = ring_at(monkeypatch, keys, clock)

    async def ask():
        assert not await ring.has_keys()
        clock.now, keys.are_some = 0.6, True
        keys.may_answer.clear()
        assert not await ring.has_keys()  # at once, while the catalog is still asked
        assert not await ring.has_keys()
        keys.may_answer.set()
        await looked(ring)
        assert await ring.has_keys()
        assert keys.asked == 2

    portal.call(ask)


def test_an_answer_holds_no_longer_than_its_time(monkeypatch, portal):
    keys, clock = Keys(), SimpleNamespace(now=0.0)
    ring = ring_at(monkeypatch, keys, clock)

    async def ask():
        assert not await ring.has_keys()
        keys.are_some, clock.now = True, 1.0
        assert await ring.has_keys()

    portal.call(ask)


def test_a_catalog_that_fails_ahead_of_time_fails_no_request(monkeypatch, portal):
    keys, clock = Keys(), SimpleNamespace(now=0.0)
    ring = ring_at(monkeypatch, keys, clock)

    async def ask():
        assert not await ring.has_keys()
        clock.now, keys.fails = 0.6, True
        assert not await ring.has_keys()
        await looked(ring)
        keys.fails = False
        assert not await ring.has_keys()

    portal.call(ask)
