"""Where the milliseconds of one search went."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Adds up wall-clock time by stage."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {"decode": 0.0, "embed": 0.0, "search": 0.0, "rerank": 0.0, "hits": 0.0}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time the body of a `with`."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.milliseconds[stage] += (time.perf_counter() - started) * 1000

    def add(self, stage: str, milliseconds: float) -> None:
        """Add time that was measured elsewhere."""
        self.milliseconds[stage] += milliseconds
