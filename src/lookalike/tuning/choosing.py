"""The Pareto front of what was measured, and which of it to take."""

from collections.abc import Sequence

from lookalike.pareto import pareto_front
from lookalike.snapshot import Goals
from lookalike.tuning.measuring import Measurement

_AS_FAST = 1.15  # times on a machine that others use differ by so much for no reason
_AS_SMALL = 1.05
_FAR = 1.6


def front_of(measured: Sequence[Measurement]) -> tuple[Measurement, ...]:
    """Those that no other beats: as high a recall, in as little time, in as few bytes. Slowest last."""
    front = pareto_front(measured, lambda one: (one.recall.mean, -one.p50_seconds, -one.bytes_in_memory))
    return tuple(sorted(front, key=lambda one: (one.p50_seconds, one.bytes_in_memory)))


def meets(one: Measurement, goals: Goals) -> bool:
    """Whether it keeps to every goal."""
    return one.reaches(goals.recall) and fits(one, goals) and is_quick(one, goals)


def fits(one: Measurement, goals: Goals) -> bool:
    """Whether it keeps to the memory that was given, if any was."""
    return goals.memory is None or one.bytes_in_memory <= goals.memory


def is_quick(one: Measurement, goals: Goals) -> bool:
    """Whether it keeps to the latency that was given, if any was."""
    return goals.latency is None or one.p99_seconds <= goals.latency


def best_of(measured: Sequence[Measurement], goals: Goals) -> Measurement | None:
    """The one to take; None when none keeps to the goals.

    The fastest; where several are about as fast, the smallest of those, and of the same size the first, which does
    least. When a latency was asked for and no memory, being faster than that is worth nothing: then the smallest, and
    where several are about as small, the fastest.

    Args:
        measured: settings of one build in the order of their effort.
        goals: to keep to.
    """
    meeting = [one for one in measured if meets(one, goals)]
    if not meeting:
        return None
    if _smallest_wins(goals):
        smallest = min(one.bytes_in_memory for one in meeting)
        alike = [one for one in meeting if one.bytes_in_memory <= _AS_SMALL * smallest]
        return min(alike, key=lambda one: (one.p50_seconds, one.bytes_in_memory))
    fastest = min(one.p50_seconds for one in meeting)
    alike = [one for one in meeting if one.p50_seconds <= _AS_FAST * fastest]
    return min(alike, key=lambda one: one.bytes_in_memory)


def clearly_beaten(one: Measurement, by: Measurement | None, goals: Goals) -> bool:
    """Whether it is so far behind in what counts that other builds of its kind are not worth the time."""
    if by is None:
        return False
    if _smallest_wins(goals):
        return one.bytes_in_memory > _FAR * by.bytes_in_memory
    return one.p50_seconds > _FAR * by.p50_seconds


def _smallest_wins(goals: Goals) -> bool:
    return goals.latency is not None and goals.memory is None
