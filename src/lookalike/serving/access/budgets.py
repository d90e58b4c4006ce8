"""How many requests each key may send: in a minute, and at a time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lookalike.catalog import ApiKey
from lookalike.serving.problems import refused

_MINUTE = 60.0


@dataclass(slots=True)
class _Budget:
    """Of one key: requests that it may send at once, when that was counted, and requests that run."""

    tokens: float
    counted_at: float
    running: int = 0


class Budgets:
    """A token bucket and a count for each key that has limits, in this process. For the event loop's thread.

    A bucket holds as many requests as a minute allows, so a key that rested may send them at once.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._budgets: dict[str, _Budget] = {}

    @contextmanager
    def spend(self, key: ApiKey) -> Iterator[None]:
        """Let one request of a key through, for as long as the `with` lasts.

        Raises:
            Refused: `rate-limited`: it has sent too many, or too many run.
        """
        if key.requests_per_minute is None and key.concurrent_requests is None:
            yield
            return
        budget = self._budgets.setdefault(key.prefix, _Budget(key.requests_per_minute or 0, self._clock()))
        self._take(budget, key)
        budget.running += 1
        try:
            yield
        finally:
            budget.running -= 1

    def _take(self, budget: _Budget, key: ApiKey) -> None:
        most = key.concurrent_requests
        if most is not None and budget.running >= most:
            detail = f"this key may send {most} requests at a time; wait for an answer first"
            raise refused("rate-limited", detail, headers={"Retry-After": "1"})
        rate = key.requests_per_minute
        if rate is None:
            return
        now = self._clock()
        budget.tokens = min(budget.tokens + (now - budget.counted_at) * rate / _MINUTE, rate)
        budget.counted_at = now
        if budget.tokens < 1:
            wait = max(round((1 - budget.tokens) * _MINUTE / rate + 0.5), 1)
            detail = f"this key may send {rate} requests a minute; try again in {wait} s"
            raise refused("rate-limited", detail, headers={"Retry-After": str(wait)})
        budget.tokens -= 1
