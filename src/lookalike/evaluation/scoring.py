"""Scoring a run against judgements: every measure for every query, and what was left out."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import EvaluationRefused
from lookalike.evaluation.judgements import Judgements, Run
from lookalike.evaluation.measures import Measure
from lookalike.evaluation.ranking_metrics import ABSENT, GRADE_LEVELS, UNJUDGED, GradeCounts, Grades, Values

COUNTED_DEPTH = 100
"""How deep results are counted, and those among them that nobody judged: at the end of a list nearly none are."""

_CELLS = 1 << 20
"""Grades looked at together: 1 MiB of int8, whose float64 gains still fit a processor's cache."""

# Grades are gathered as bytes, so the two negative ones travel as their two's complement.
_UNJUDGED_BYTE = UNJUDGED & 0xFF
_ABSENT_BYTE = bytes([ABSENT & 0xFF])


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedRankings:
    """Rankings with grades in place of images, ready for `Measure.per_query`.

    Attributes:
        queries: names, in row order.
        grades: [queries, depth] int8 in rank order, `UNJUDGED` and `ABSENT` as in `ranking_metrics`.
        counts: [queries, 6] int64, judged images by grade.
    """

    queries: tuple[str, ...]
    grades: Grades
    counts: GradeCounts


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The values of every measure, query by query.

    Attributes:
        run: the system's name.
        measures: one for each column of `values`.
        queries: the judged ones, one for each row, in the order of the judgements.
        values: [queries, measures] float64; NaN where a measure is undefined because the query has nothing to find.
        queries_without_results: judged, but absent from the run or with an empty ranking. They count as 0: the system
            found nothing.
        queries_without_judgements: in the run, but nobody judged them. They are not in the table.
        results: the first 100 of each query, or as many as the deepest measure needs where that is less.
        unjudged_results: among those, images that nobody judged for the query, known to the library or not. They count
            as not relevant.
    """

    run: str
    measures: tuple[Measure, ...]
    queries: tuple[str, ...]
    values: NDArray[np.float64]
    queries_without_results: tuple[str, ...]
    queries_without_judgements: tuple[str, ...]
    results: int
    unjudged_results: int

    def of(self, measure: Measure) -> Values:
        """One measure for every query, [queries] float64, NaN where undefined.

        Raises:
            KeyError: the measure was not asked for.
        """
        if measure not in self.measures:
            raise KeyError(f"{measure} is not among {', '.join(map(str, self.measures))}")
        return np.asarray(self.values[:, self.measures.index(measure)])

    def mean(self, measure: Measure) -> float:
        """Over the queries for which the measure is defined; NaN when there is none."""
        values = self.of(measure)
        defined = values[~np.isnan(values)]
        return math.fsum(defined.tolist()) / len(defined) if len(defined) else math.nan

    @property
    def means(self) -> dict[Measure, float]:
        """Every measure's mean."""
        return {measure: self.mean(measure) for measure in self.measures}

    def undefined(self, measure: Measure) -> int:
        """Queries left out of the mean: nothing relevant to find or, for `Judged`, nothing returned."""
        return int(np.isnan(self.of(measure)).sum())

    def table(self) -> Iterator[tuple[str, dict[Measure, float]]]:
        """(query, measure -> value), in the order of the judgements."""
        for query, row in zip(self.queries, self.values.tolist(), strict=True):
            yield query, dict(zip(self.measures, row, strict=True))

    def as_document(self) -> dict[str, object]:
        """The evaluation as plain values for programs; None for undefined values."""
        return {
            "run": self.run,
            "means": {str(measure): _defined(mean) for measure, mean in self.means.items()},
            "undefined_queries": {str(measure): self.undefined(measure) for measure in self.measures},
            "judged_queries": len(self.queries),
            "queries_without_results": list(self.queries_without_results),
            "queries_without_judgements": list(self.queries_without_judgements),
            "results": self.results,
            "unjudged_results": self.unjudged_results,
            "queries": {
                query: {str(measure): _defined(value) for measure, value in row.items()} for query, row in self.table()
            },
        }


def evaluate_run(run: Run, judgements: Judgements, measures: Sequence[Measure]) -> Evaluation:
    """Score a run by every measure.

    All judged queries count, also those the run does not answer: a system gains nothing by staying silent. A query
    without a relevant image has no value for measures of relevance: it is NaN in the table, counted by
    `Evaluation.undefined`, and not in the mean. An image that was not judged counts as not relevant.

    The query's own image is an image like any other here: leave it out of both with `own_images` and `without`.

    Raises:
        EvaluationRefused: no measure is given, or the run and the judgements have no query in common.
    """
    if not measures:
        raise EvaluationRefused("no measure given")
    queries = tuple(judgements.grades)
    if run.rankings.keys().isdisjoint(queries):
        raise EvaluationRefused(
            f"the run {run.name!r} and the judgements have no query in common: the run has {_example(run.rankings)},"
            f" the judgements have {_example(judgements.grades)}"
        )
    blocks = []
    results = unjudged = 0
    for rankings in graded_blocks(run, judgements, depth=_depth(measures)):
        blocks.append(np.stack([m.per_query(rankings.grades, rankings.counts) for m in measures], axis=1))
        first = rankings.grades[:, :COUNTED_DEPTH]
        results += int(np.count_nonzero(first != ABSENT))
        unjudged += int(np.count_nonzero(first == UNJUDGED))
    return Evaluation(
        run=run.name,
        measures=tuple(measures),
        queries=queries,
        values=np.concatenate(blocks),
        queries_without_results=tuple(query for query in queries if not run.rankings.get(query)),
        queries_without_judgements=tuple(query for query in run.rankings if query not in judgements.grades),
        results=results,
        unjudged_results=unjudged,
    )


def graded_blocks(run: Run, judgements: Judgements, *, depth: int | None = None) -> Iterator[GradedRankings]:
    """The judged queries' rankings as grades, a block of queries at a time.

    Args:
        run: what was returned.
        judgements: what was judged.
        depth: how many of the first results to look at; None for all.
    """
    queries = tuple(judgements.grades)
    longest = max((len(run.rankings.get(query, ())) for query in queries), default=0)
    columns = longest if depth is None else min(longest, depth)
    rows = max(1, _CELLS // max(columns, 1))
    for start in range(0, len(queries), rows):
        yield _graded(run, judgements, queries[start : start + rows], columns)


def _graded(run: Run, judgements: Judgements, queries: tuple[str, ...], columns: int) -> GradedRankings:
    judged = [judgements.grades[query] for query in queries]
    rows = [
        _look_up(run.rankings.get(query, ())[:columns], of_query, judgements.collection).ljust(columns, _ABSENT_BYTE)
        for query, of_query in zip(queries, judged, strict=True)
    ]
    return GradedRankings(
        queries=queries,
        grades=np.frombuffer(b"".join(rows), dtype=np.int8).reshape(len(queries), columns),
        counts=_grade_counts(judged),
    )


def _look_up(ranking: Sequence[str], judged: Mapping[str, int], collection: frozenset[str]) -> bytes:
    """Grades of a ranking, one int8 a result.

    Nothing measured was faster from a dictionary to an array than `bytes(map(...))`. It helps that the ranking was
    sliced just before: a copy fetches the names into the processor's cache many at a time, looking them up one by one.
    """
    if not collection:
        return bytes(map(judged.get, ranking, repeat(_UNJUDGED_BYTE)))
    return bytes(map(judged.get, ranking, [0 if image in collection else _UNJUDGED_BYTE for image in ranking]))


def _grade_counts(judged: Sequence[Mapping[str, int]]) -> GradeCounts:
    """Listed images of each query by grade, [queries, 6] int64."""
    rows = np.repeat(np.arange(len(judged)), [len(of_query) for of_query in judged])
    listed = np.frombuffer(b"".join(bytes(of_query.values()) for of_query in judged), dtype=np.uint8)
    counts = np.bincount(rows * GRADE_LEVELS + listed, minlength=len(judged) * GRADE_LEVELS)
    return counts.reshape(len(judged), GRADE_LEVELS).astype(np.int64)


def _depth(measures: Sequence[Measure]) -> int | None:
    """As deep as the deepest measure looks; None when one of them looks at everything."""
    cutoffs = [measure.cutoff for measure in measures if measure.cutoff is not None]
    return max(cutoffs) if len(cutoffs) == len(measures) else None


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value


def _example(queries: Mapping[str, object]) -> str:
    first = next(iter(queries))
    return f"{first!r}" + (f" and {len(queries) - 1} more" if len(queries) > 1 else "")
