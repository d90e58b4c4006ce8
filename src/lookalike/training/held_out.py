"""Evaluation of a trained model by the measures of `lookalike evaluate`, on held-out queries."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation import (
    Comparison,
    JudgedQuery,
    Judgements,
    Measure,
    Run,
    compare_evaluations,
    evaluate_run,
    parse_measures,
)
from lookalike.neighbors import nearest_first
from lookalike.training.examples.example import GradedQuery
from lookalike.types import Vectors

_AT_ONCE = 256
_MOST_RESULTS = 50_000_000
VALIDATED = parse_measures(["nDCG@10"])
GRADED_MEASURES = parse_measures(["nDCG@10", "mAP", "P@10"])
CLICKED_MEASURES = parse_measures(["nDCG@10", "MRR"])
FOUND_MEASURES = parse_measures(["nDCG@10", "MRR", "R@1"])
"""For queries of which one relevant image is known."""
TAUGHT_MEASURES = parse_measures(["nDCG@10", "R@10"])
"""For queries whose answers are another model's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Judged queries.

    Attributes:
        name: what they show, in a word or two.
        judgements: query -> image id -> grade. A query's name is that of a described image, part or view.
        measures: by which to compare; the first one decides.
        condensed: judge only the order of the images that have grades: what nobody was shown says nothing of a model
            (Sakai 2007, "Alternatives to bpref").
    """

    name: str
    judgements: Judgements
    measures: tuple[Measure, ...]
    condensed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Two models on the same queries.

    Attributes:
        held_out: the queries.
        comparisons: by measure; the trained model comes first, its base second.
    """

    held_out: HeldOut
    comparisons: Mapping[Measure, Comparison]


class ExactRanking:
    """Exact search over vectors in memory.

    Args:
        names: of the rows.
        image_ids: which of them are the images that are searched.
    """

    def __init__(self, names: Sequence[str], image_ids: Iterable[str]) -> None:
        self._rows = {name: row for row, name in enumerate(names)}
        self._gallery_ids = [image_id for image_id in sorted(image_ids) if image_id in self._rows]
        self._gallery = np.array([self._rows[image_id] for image_id in self._gallery_ids], np.int64)

    def run(self, vectors: Vectors, held_out: HeldOut, *, depth: int | None, name: str) -> Run:
        """What each query finds, its own image left out where the query is the whole of it.

        Args:
            vectors: [rows, dimension] float32 unit rows.
            held_out: the queries.
            depth: results to keep; None for as many as memory allows.
            name: of the run.
        """
        grades = held_out.judgements.grades
        known = [query for query in grades if query in self._rows]
        kept = depth or min(len(self._gallery), _MOST_RESULTS // max(len(known), 1))
        looked_at = len(self._gallery) if held_out.condensed else kept + 1
        gallery = vectors[self._gallery]
        rankings: dict[str, tuple[str, ...]] = dict.fromkeys(grades, ())
        for start in range(0, len(known), _AT_ONCE):
            part = known[start : start + _AT_ONCE]
            cosines = vectors[[self._rows[query] for query in part]] @ gallery.T
            order = nearest_first(cosines, looked_at)
            for query, found in zip(part, order.tolist(), strict=True):
                judged = grades[query] if held_out.condensed else None
                rankings[query] = self._named(query, found, judged)[:kept]
        return Run(rankings=rankings, name=name)

    def _named(self, query: str, found: Sequence[int], judged: Collection[str] | None) -> tuple[str, ...]:
        whole = JudgedQuery.parse(query).region is None
        ids = (self._gallery_ids[row] for row in found)
        return tuple(one for one in ids if not (whole and one == query) and (judged is None or one in judged))

    def value(self, vectors: Vectors, held_out: HeldOut) -> float:
        """Mean nDCG@10: what validation looks at."""
        return float(self.values(vectors, held_out).mean())

    def values(self, vectors: Vectors, held_out: HeldOut) -> NDArray[np.float64]:
        """nDCG@10 of each query that has something to find, [queries]."""
        run = self.run(vectors, held_out, depth=10, name="validation")
        found: NDArray[np.float64] = evaluate_run(run, held_out.judgements, VALIDATED).of(VALIDATED[0])
        return found[~np.isnan(found)]

    def compare(self, trained: Vectors, base: Vectors, held_out: HeldOut, *, resamples: int) -> Judged:
        """Both on the same queries, with intervals and p-values."""
        first, second = (
            evaluate_run(self.run(vectors, held_out, depth=None, name=name), held_out.judgements, held_out.measures)
            for vectors, name in ((trained, "trained"), (base, "base"))
        )
        return Judged(
            held_out=held_out,
            comparisons={
                measure: compare_evaluations(first, second, measure, resamples=resamples)
                for measure in held_out.measures
            },
        )


def held_out(
    name: str,
    queries: Iterable[GradedQuery],
    known: Collection[str],
    measures: tuple[Measure, ...],
    *,
    condensed: bool = False,
) -> HeldOut | None:
    """The queries, with the grades of known images; None if no query has a grade above 0.

    Args:
        name: what they show.
        queries: with grades.
        known: names that have vectors.
        measures: by which to compare.
        condensed: see `HeldOut`.
    """
    grades = {}
    for query in queries:
        here = {one: grade for one, grade in zip(query.images, query.grades, strict=True) if one in known}
        if query.query in known and any(here.values()):
            grades[query.query] = here
    if not grades:
        return None
    return HeldOut(name=name, judgements=Judgements(grades=grades), measures=measures, condensed=condensed)
