"""The numbers of a report: means with intervals, what the index loses, a comparison, groups of queries."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lookalike.errors import EvaluationRefused
from lookalike.evaluation.measures import Measure
from lookalike.evaluation.ranking_metrics import Values
from lookalike.evaluation.scoring import Evaluation
from lookalike.evaluation.significance import (
    CONFIDENCE,
    RESAMPLES,
    Comparison,
    Interval,
    bootstrap_interval,
    compare_evaluations,
    holm,
)

SMALL_GROUP = 30
"""Groups of fewer queries are flagged: their intervals are wide, and one odd query moves their mean."""

_DRAWN_VALUES = 40_000_000
_LEAST_RESAMPLES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRow:
    """One measure of what is served.

    Attributes:
        measure: which.
        served: mean and interval; None when it is undefined for every query.
        exact: mean with exact search; NaN where undefined or not asked for.
        loss: exact - served with its interval, paired by query: what the approximate index costs. None where there is
            no exact search, and for `Judged`, which is no quality.
        undefined: queries without a value.
    """

    measure: Measure
    served: Interval | None
    exact: float
    loss: Interval | None
    undefined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """One measure of what is served against another run.

    Attributes:
        measure: which.
        comparison: served first; None when no query has a value for both.
        adjusted_p: p-value after Holm over the report's measures of quality; NaN for `Judged`, which is none, and
            where nothing can be compared.
    """

    measure: Measure
    comparison: Comparison | None
    adjusted_p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """Queries that have something in common.

    Attributes:
        axis: what they have in common.
        name: of the group.
        queries: how many.
        intervals: measure -> mean and interval; None when it is undefined for every query of the group.
    """

    axis: Literal["all", "kind", "tag"]
    name: str
    queries: int
    intervals: Mapping[Measure, Interval | None]

    @property
    def small(self) -> bool:
        """Whether there are too few queries for reliable numbers."""
        return self.queries < SMALL_GROUP


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTables:
    """Every number of a report.

    Attributes:
        measures: one a measure.
        comparisons: one a measure; empty without another run.
        groups: all queries first, then kinds, then tags, each from large to small.
        resamples: draws that the intervals of all queries are made from.
        confidence: of every interval.
    """

    measures: tuple[MeasureRow, ...]
    comparisons: tuple[ComparisonRow, ...]
    groups: tuple[GroupRow, ...]
    resamples: int
    confidence: float = CONFIDENCE


def tabulate(
    served: Evaluation,
    *,
    exact: Evaluation | None,
    against: Evaluation | None,
    groups: Mapping[str, tuple[str, Iterable[str]]],
    resamples: int = RESAMPLES,
) -> ReportTables:
    """The tables of a report.

    With more than 4,000 queries fewer draws are made (never below 1,000), so that a report takes seconds, not minutes:
    the interval's ends then move in the fourth decimal.

    Args:
        served: what users get.
        exact: the same with exact search.
        against: another run.
        groups: query -> (kind, tags).
        resamples: draws for each interval and test.
    """
    drawn = min(resamples, max(_LEAST_RESAMPLES, _DRAWN_VALUES // max(1, len(served.queries))))
    measures = tuple(_measure_row(measure, served, exact, drawn) for measure in served.measures)
    everything = GroupRow(
        axis="all",
        name="all queries",
        queries=len(served.queries),
        intervals={row.measure: row.served for row in measures},
    )
    return ReportTables(
        measures=measures,
        comparisons=_comparison_rows(served, against, drawn) if against else (),
        groups=(everything, *_group_rows(served, groups, drawn)),
        resamples=drawn,
    )


def is_quality(measure: Measure) -> bool:
    """Whether more of it means better results. `Judged` says how far to trust the others."""
    return measure.name != "Judged"


def _measure_row(measure: Measure, served: Evaluation, exact: Evaluation | None, resamples: int) -> MeasureRow:
    loss = None
    if exact is not None and is_quality(measure):
        theirs = dict(zip(exact.queries, exact.of(measure).tolist(), strict=True))
        paired = np.array([theirs.get(query, math.nan) for query in served.queries])
        loss = mean_interval(paired - served.of(measure), resamples)
    return MeasureRow(
        measure=measure,
        served=mean_interval(served.of(measure), resamples),
        exact=math.nan if exact is None else exact.mean(measure),
        loss=loss,
        undefined=served.undefined(measure),
    )


def _comparison_rows(served: Evaluation, against: Evaluation, resamples: int) -> tuple[ComparisonRow, ...]:
    compared = {measure: _compared(served, against, measure, resamples) for measure in served.measures}
    p_values = {
        measure: comparison.p_value
        for measure, comparison in compared.items()
        if comparison is not None and is_quality(measure)
    }
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    return tuple(
        ComparisonRow(measure=measure, comparison=comparison, adjusted_p=adjusted.get(measure, math.nan))
        for measure, comparison in compared.items()
    )


def _compared(served: Evaluation, against: Evaluation, measure: Measure, resamples: int) -> Comparison | None:
    try:
        return compare_evaluations(served, against, measure, resamples=resamples)
    except EvaluationRefused:  # no query in common: the report says so
        return None


def _group_rows(
    served: Evaluation, groups: Mapping[str, tuple[str, Iterable[str]]], resamples: int
) -> tuple[GroupRow, ...]:
    members: dict[tuple[Literal["kind", "tag"], str], list[int]] = {}
    for row, query in enumerate(served.queries):
        kind, tags = groups.get(query, ("whole image", ()))
        members.setdefault(("kind", kind), []).append(row)
        for tag in dict.fromkeys(tags):
            members.setdefault(("tag", tag), []).append(row)
    ordered = sorted(members.items(), key=lambda group: (group[0][0], -len(group[1]), group[0][1]))
    return tuple(
        GroupRow(
            axis=axis,
            name=name,
            queries=len(rows),
            intervals={measure: mean_interval(served.of(measure)[rows], resamples) for measure in served.measures},
        )
        for (axis, name), rows in ordered
    )


def mean_interval(values: Values, resamples: int) -> Interval | None:
    """The mean of the queries that have a value, [queries] float64 with NaN for the others, with its interval.

    Returns:
        None where no query has one.
    """
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    if len(defined) > 1 and np.ptp(defined) == 0:  # every draw has the same mean: an index that loses nothing
        mean = float(defined[0])
        return Interval(
            mean=mean, low=mean, high=mean, confidence=CONFIDENCE, queries=len(defined), method="percentile"
        )
    return bootstrap_interval(defined, resamples=resamples)
