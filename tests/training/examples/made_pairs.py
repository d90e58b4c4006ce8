"""Pairs made by hand."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from lookalike.training.examples import (
    Pair,
    PairSource,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


names = st.sampled_from([f"image{number:02}" for number in range(30)])


some_pairs = st.lists(st.tuples(names, names), max_size=40)


def pair(query, positive, *, source=PairSource.GRADES, weight=1.0, hard=()):
    return Pair(query=query, positive=positive, source=source, weight=weight, hard_negatives=tuple(hard))
