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
        self._found: TTLCache[bytes, ApiKey | None] = TTLCache(_MOST, self._seconds)

    async def has_keys(self) -> bool:
        """Whether any key was ever made; once one was, this stays so."""
        if not self._are_there and time.monotonic() - self._asked_at >= self._seconds:
            asked_at = time.monotonic()
            self._are_there = await asyncio.to_thread(self._catalog.keys.are_there)
            self._asked_at = asked_at
        return self._are_there

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
