"""The keys of the catalog, looked up at most once a second each."""

import asyncio
import hashlib
import time

from cachetools import TTLCache

from lookalike.catalog import ApiKey, Catalog, is_key

SECONDS = 1.0
"""How long an answer of the catalog holds: a key that is revoked is refused after that time everywhere."""

_MOST = 10_000


class KeyRing:
    """Looks keys up. For the event loop's thread; the catalog is read in another one.

    Args:
        catalog: that has the keys.
        seconds: how long an answer of the catalog holds; None for `SECONDS`.
    """

    def __init__(self, catalog: Catalog, *, seconds: float | None = None) -> None:
        self._catalog = catalog
        self._seconds = SECONDS if seconds is None else seconds
        self._are_there = False
        self._asked_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None
        self._found: TTLCache[bytes, ApiKey | None] = TTLCache(_MOST, self._seconds)

    async def has_keys(self) -> bool:
        """Whether any key was ever made; once one was, this stays so.

        An answer is asked for anew when half of its time is over, so that under steady traffic no request waits for it.
        """
        age = time.monotonic() - self._asked_at
        if not self._are_there and age >= self._seconds:
            await self._look()
        elif not self._are_there and age >= self._seconds / 2 and self._looking is None:
            self._looking = asyncio.create_task(self._look())
            self._looking.add_done_callback(self._looked)
        return self._are_there

    async def _look(self) -> None:
        asked_at = time.monotonic()
        self._are_there = await asyncio.to_thread(self._catalog.keys.are_there)
        self._asked_at = asked_at

    def _looked(self, task: asyncio.Task[None]) -> None:
        """Ahead of time: what fails then is told to the request that asks when the time is over."""
        self._looking = None
        if not task.cancelled():
            task.exception()

    async def find(self, text: str) -> ApiKey | None:
        """The key of that text, whether it still works or not; None where it is none of ours."""
        if not is_key(text):
            return None
        place = hashlib.sha256(text.encode()).digest()
        if place in self._found:
            return self._found[place]
        asked_at = time.monotonic()
        key = await asyncio.to_thread(self._catalog.keys.find, text)
        if time.monotonic() - asked_at < self._seconds:  # else it was read too long ago
            self._found[place] = key
        return key
