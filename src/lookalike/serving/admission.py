"""How many requests may be in work at once: as many as keep the model busy, so that a queue delays nobody for long."""

import time
from collections.abc import Callable

_WINDOW_SECONDS = 30.0
_QUIET_SECONDS = 2.0
_BACK_OFF = 0.1  # of the excess, for each answer


class AdaptiveLimit:
    """A limit that follows the time that answers take, as TCP Vegas sets its window.

    With n requests in work and answers that take `seconds` instead of `shortest`, n * (1 - shortest / seconds) of them
    wait. The limit grows by one with each answer while fewer wait than `few`, and falls while more wait than `many`:
    what is accepted is then answered in a few times the shortest time, however many ask. Brakmo and Peterson 1995,
    "TCP Vegas: End to End Congestion Avoidance on a Global Internet"; for servers as in Netflix's concurrency-limits.
    A network has to be empty now and then for its shortest time to be seen; here it is known how many are served at
    once, so that the time without a queue is seen in any answer: it is seconds * workers / n.

    After a quiet time a burst is queued, up to twice as many as may wait, and not refused: only a queue that does not
    get shorter is cut. The last of a longer burst would be answered after seconds.

    Args:
        workers: requests that are served at once without waiting.
        few, many: see above.
        most: the limit that is never exceeded.
        clock: seconds.
    """

    def __init__(
        self, *, workers: int, few: int, many: int, most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._workers = workers
        self.few = few
        self.many = many
        self._least = min(workers + 1, most)
        self._most = most
        self._burst = min(max(2 * many, workers + many), most)
        self._clock = clock
        self._limit = float(self._burst)
        self._refused_at = -_QUIET_SECONDS
        self._window_from = clock()
        self._shortest = self._shortest_before = float("inf")

    @property
    def limit(self) -> int:
        """Requests that may be in work now."""
        return int(self._limit)

    def admits(self, in_work: int) -> bool:
        """Whether one more may come to those that are in work; a refusal is noted."""
        now = self._clock()
        if in_work == 0 and now - self._refused_at > _QUIET_SECONDS:
            self._limit = float(self._burst)
        if in_work < self.limit:
            return True
        self._refused_at = now
        return False

    def answered(self, seconds: float, in_work: int) -> None:
        """Learn from an answer.

        Args:
            seconds: from admission to the answer.
            in_work: requests in work, with this one.
        """
        self._note(seconds * self._workers / max(in_work, self._workers))
        shortest = min(self._shortest, self._shortest_before)
        waiting = in_work * (1 - shortest / seconds) if seconds > 0 else 0.0
        if waiting > self.many:
            excess = max(self._limit - self.many, 0.0)
            self._limit = max(self._least, self._limit - max(1.0, _BACK_OFF * excess))
        elif waiting < self.few and 2 * in_work >= self._limit:
            self._limit = min(self._most, self._limit + 1)

    def _note(self, seconds: float) -> None:
        """The shortest time is that of the last window or two: it may be another after a change of models."""
        now = self._clock()
        if now - self._window_from > _WINDOW_SECONDS:
            self._shortest_before, self._shortest, self._window_from = self._shortest, float("inf"), now
        self._shortest = min(self._shortest, seconds)
