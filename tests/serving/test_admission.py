from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.serving.admission import AdaptiveLimit


class Queue:
    """A simulated server that works on `workers` requests at once, each for a second; more of them wait."""

    def __init__(self, workers, most):
        self.clock = SimpleNamespace(now=0.0)
        few, many = 2 * workers, 3 * workers
        self.limit = AdaptiveLimit(workers=workers, few=few, many=many, most=most, clock=lambda: self.clock.now)
        self._workers = workers
        self._admitted = []
        self.refused = 0

    def run(self, seconds, *, arrivals_a_second):
        """The latencies of what was admitted."""
        latencies, due = [], 0.0
        for _ in range(int(seconds)):
            self.clock.now += 1
            served, self._admitted = self._admitted[: self._workers], self._admitted[self._workers :]
            for number, admitted_at in enumerate(served):
                latency = self.clock.now - admitted_at
                self.limit.answered(latency, len(self._admitted) + len(served) - number)
                latencies.append(latency)
            due += arrivals_a_second
            while due >= 1:
                due -= 1
                if self.limit.admits(len(self._admitted)):
                    self._admitted.append(self.clock.now)
                else:
                    self.refused += 1
        return latencies


@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize("load", [1.5, 2, 10])
def test_under_overload_what_is_accepted_is_answered_soon_and_no_worker_is_idle(workers, load):
    queue = Queue(workers, most=64 + workers)
    queue.run(300, arrivals_a_second=workers * load)
    latencies = queue.run(300, arrivals_a_second=workers * load)
    assert len(latencies) >= 0.98 * 300 * workers
    assert max(latencies) <= 8  # times the shortest


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_below_capacity_nothing_is_refused(workers):
    queue = Queue(workers, most=64 + workers)
    queue.run(500, arrivals_a_second=workers * 0.9)
    assert queue.refused == 0


def test_after_a_quiet_time_a_burst_is_queued():
    queue = Queue(1, most=65)
    queue.run(300, arrivals_a_second=5)
    assert queue.limit.limit < 10
    queue.run(30, arrivals_a_second=0)
    assert [queue.limit.admits(in_work) for in_work in range(7)] == [True] * 6 + [False]


@given(
    st.lists(st.tuples(st.floats(0, 100), st.integers(1, 100)), max_size=60),
    st.integers(1, 16),
    st.integers(0, 100),
)
def test_the_limit_stays_between_its_bounds(answers, workers, waiting):
    limit = AdaptiveLimit(workers=workers, few=workers, many=2 * workers, most=workers + waiting)
    for seconds, in_work in answers:
        limit.answered(seconds, in_work)
        assert min(workers + 1, workers + waiting) <= limit.limit <= workers + waiting
