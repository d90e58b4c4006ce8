"""Saying in one sentence why an index was chosen, or why none was."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from lookalike.snapshot import Goals
from lookalike.tuning.choosing import best_of, fits, is_quick
from lookalike.tuning.measuring import CONFIDENCE, Measurement
from lookalike.tuning.quantities import spoken_bytes, spoken_seconds

_UNSPOKEN = frozenset({"seed", "training_rows", "candidates_per_neighbor"})
_MUCH = 1.15


def spoken_parameters(parameters: Any) -> str:
    """What makes these parameters these: `lists=1024 subquantizers=128`; nothing where there are none."""
    if parameters is None:
        return ""
    spoken = (
        f"{name.name}={_spoken_value(getattr(parameters, name.name))}"
        for name in fields(parameters)
        if name.name not in _UNSPOKEN and getattr(parameters, name.name) != name.default
    )
    return " ".join(spoken)


def spoken_name(one: Measurement) -> str:
    """A backend with its parameters."""
    said = " ".join(part for part in (spoken_parameters(one.building), spoken_parameters(one.searching)) if part)
    return f"{one.backend} ({said})" if said else one.backend


def spoken_measurement(one: Measurement) -> str:
    """What was measured of a setting, while the measuring goes on."""
    said = f"recall {one.recall.mean:.3f}, {spoken_seconds(one.p50_seconds)} a query"
    return f"Measuring {one.backend} {spoken_parameters(one.building)}: {said}"


def spoken_goals(goals: Goals) -> str:
    """`recall@10 of 0.95 in 2.00 GB`."""
    memory = f" in {spoken_bytes(goals.memory)}" if goals.memory is not None else ""
    latency = f" within {spoken_seconds(goals.latency)}" if goals.latency is not None else ""
    return f"recall@10 of {goals.recall:g}{memory}{latency}"


def why(chosen: Measurement, measured: Sequence[Measurement], goals: Goals) -> str:
    """One sentence about the one that was chosen."""
    recall = chosen.checked or chosen.recall
    does = (
        f"it finds {recall.mean:.1%} of the true ten nearest, half of its queries take"
        f" {spoken_seconds(chosen.p50_seconds)} or less, and it needs {spoken_bytes(chosen.bytes_in_memory)}"
    )
    smallest = goals.latency is not None and goals.memory is None
    rank = "the smallest" if smallest else "the fastest"
    name, beside = spoken_name(chosen), _beside(chosen, measured, goals)
    return f"{name} is {rank} that keeps to {spoken_goals(goals)}: {does}{beside}."


def why_not(measured: Sequence[Measurement], goals: Goals) -> str:
    """Which goal cannot be met, and what comes nearest."""
    if not measured:
        return "Nothing could be measured."
    finding = [one for one in measured if one.reaches(goals.recall)]
    small = [one for one in measured if fits(one, goals)]
    quick = [one for one in measured if is_quick(one, goals)]
    if not finding:
        nearest = max(measured, key=lambda one: one.recall.mean)
        most = f"{_recall(nearest)} is the most.{_sureness(nearest, goals)}"
        return f"No index finds {goals.recall:g} of the true ten nearest: {most}"
    if not small:
        nearest = min(finding, key=_memory)
        return f"No index fits into {spoken_bytes(goals.memory or 0)}: {_size(nearest)} is the least for that recall."
    if not quick:
        nearest = min(finding, key=_latency)
        best = f"{_time(nearest)} is the best for that recall."
        return f"No index answers within {spoken_seconds(goals.latency or 0)}: {best}"
    return f"No index keeps to {spoken_goals(goals)} all at once. {' '.join(_compromises(measured, goals))}".strip()


def _compromises(measured: Sequence[Measurement], goals: Goals) -> list[str]:
    """For each goal, the best that can be had while the others are kept."""
    said = []
    checks: list[tuple[Callable[[Measurement], bool], str]] = [
        (lambda one: fits(one, goals) and is_quick(one, goals), "recall"),
        (lambda one: one.reaches(goals.recall) and is_quick(one, goals), "memory"),
        (lambda one: one.reaches(goals.recall) and fits(one, goals), "latency"),
    ]
    for kept, missing in checks:
        left = [one for one in measured if kept(one)]
        if not left:
            continue
        if missing == "recall":
            said.append(
                f"With the memory and latency asked for, the highest recall is {_recall(max(left, key=_found))}."
            )
        elif missing == "memory" and goals.memory is not None:
            said.append(f"With the recall asked for, the smallest takes {_size(min(left, key=_memory))}.")
        elif missing == "latency" and goals.latency is not None:
            said.append(f"With the recall asked for, the fastest takes {_time(min(left, key=_latency))}.")
    return said


def _beside(chosen: Measurement, measured: Sequence[Measurement], goals: Goals) -> str:
    """How the best of another backend compares."""
    other = best_of([one for one in measured if one.backend != chosen.backend], goals)
    if other is None:
        return ""
    slower, larger = other.p50_seconds / chosen.p50_seconds, other.bytes_in_memory / chosen.bytes_in_memory
    time = f"takes {slower:.1f} times as long" if slower > _MUCH else "is about as fast"
    memory = f"{larger:.1f} times the memory" if larger > _MUCH or larger < 1 / _MUCH else "about as much memory"
    return f"; {other.backend}, the next best, {time} and needs {memory}"


def _sureness(nearest: Measurement, goals: Goals) -> str:
    if nearest.recall.mean < goals.recall:
        return ""
    return f" It may well reach it, but {nearest.recall.queries:,} queries do not make that {CONFIDENCE:.0%} sure."


def _found(one: Measurement) -> float:
    return one.recall.mean


def _memory(one: Measurement) -> int:
    return one.bytes_in_memory


def _latency(one: Measurement) -> float:
    return one.p99_seconds


def _recall(one: Measurement) -> str:
    return f"{one.recall.mean:.3f} (by {spoken_name(one)})"


def _size(one: Measurement) -> str:
    return f"{spoken_bytes(one.bytes_in_memory)} (by {spoken_name(one)})"


def _time(one: Measurement) -> str:
    return f"{spoken_seconds(one.p99_seconds)} for 99 of 100 queries (by {spoken_name(one)})"


def _spoken_value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
