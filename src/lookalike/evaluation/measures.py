"""Measures as values in the paper's spelling: `nDCG@10`, `mAP(rel=2)`, `P@5`, `R@100`, `MRR`."""

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from lookalike.errors import EvaluationRefused
from lookalike.evaluation import ranking_metrics
from lookalike.evaluation.ranking_metrics import MAX_GRADE, GradeCounts, Grades, Values

_SPELLING = re.compile(r"(?P<name>[A-Za-z]+)(\(rel=(?P<rel>\d+)\))?(@(?P<cutoff>\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureKind:
    """What stands behind a measure's name.

    Attributes:
        name: in the paper's spelling.
        says: what it tells, in one line.
        per_query: (grades in rank order, grade counts, measure) -> one value a query.
        needs_cutoff: whether `@k` must be given.
        takes_rel: whether a relevance threshold means something.
        needs_relevant: whether it is undefined for a query without relevant images.
    """

    name: str
    says: str
    per_query: "Callable[[Grades, GradeCounts, Measure], Values]"
    needs_cutoff: bool = False
    takes_rel: bool = True
    needs_relevant: bool = True


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure with its parameters; `str()` gives the paper's spelling.

    Attributes:
        name: a key of `MEASURES`.
        cutoff: how many of the first results count; None for all.
        rel: the lowest grade that is relevant, 1 to 5.

    Raises:
        EvaluationRefused: no such name, a cutoff below 1, or a parameter the measure has no use for.
    """

    name: str
    cutoff: int | None = None
    rel: int = 1

    def __post_init__(self) -> None:
        kind = MEASURES.get(self.name)
        if kind is None:
            raise EvaluationRefused(_unknown_measure(self.name))
        if self.cutoff is None and kind.needs_cutoff:
            raise EvaluationRefused(f"measure {self}: give the number of results, as in {self.name}@10")
        if self.cutoff is not None and self.cutoff < 1:
            raise EvaluationRefused(f"measure {self}: the number after @ must be 1 or more")
        if not 1 <= self.rel <= MAX_GRADE:
            raise EvaluationRefused(f"measure {self}: rel is the lowest relevant grade, 1 to {MAX_GRADE}")
        if self.rel != 1 and not kind.takes_rel:
            raise EvaluationRefused(
                f"measure {self}: {self.name} has no relevance threshold; leave (rel={self.rel}) out"
            )

    def __str__(self) -> str:
        threshold = "" if self.rel == 1 else f"(rel={self.rel})"
        return self.name + threshold + ("" if self.cutoff is None else f"@{self.cutoff}")

    @property
    def kind(self) -> MeasureKind:
        """The kind of measure that the name refers to."""
        return MEASURES[self.name]

    @classmethod
    def parse(cls, text: str) -> "Measure":
        """A measure from its spelling: a name, `(rel=N)` where wanted, `@k` where wanted. Letter case does not matter.

        `AP` and `RR` are taken for `mAP` and `MRR`, whose values for one query they are.

        Raises:
            EvaluationRefused: the text is not a measure; the message names those that are.
        """
        match = _SPELLING.fullmatch(text.strip())
        if match is None:
            raise EvaluationRefused(f"measure {text!r}: write it like nDCG@10, mAP(rel=2), P@5, R@100 or MRR")
        name = _NAMES.get(match["name"].lower())
        if name is None:
            raise EvaluationRefused(_unknown_measure(match["name"]))
        cutoff = None if match["cutoff"] is None else int(match["cutoff"])
        return cls(name, cutoff=cutoff, rel=int(match["rel"] or 1))

    def per_query(self, grades: Grades, counts: GradeCounts) -> Values:
        """The measure for each query, NaN where it is undefined.

        Args:
            grades: in rank order, [queries, depth] int8.
            counts: [queries, 6] int64.

        Returns:
            [queries] float64. NaN for a query without a relevant image, whatever the formula would give; for `Judged`,
            NaN for a query without results.
        """
        values = self.kind.per_query(grades, counts, self)
        if self.kind.needs_relevant:
            values = np.where(ranking_metrics.relevant_counts(counts, rel=self.rel) > 0, values, np.nan)
        return values


def parse_measures(texts: Iterable[str]) -> tuple[Measure, ...]:
    """Measures from texts; one text may hold several, separated by commas or blanks. Repeated ones count once.

    Raises:
        EvaluationRefused: none is given, or one is not a measure.
    """
    words = [word for text in texts for word in re.split(r"[,\s]+", text) if word]
    if not words:
        raise EvaluationRefused(f"no measure given; there are {', '.join(MEASURES)}")
    return tuple(dict.fromkeys(Measure.parse(word) for word in words))


MEASURES: dict[str, MeasureKind] = {
    kind.name: kind
    for kind in (
        MeasureKind(
            name="nDCG",
            says="how near the order of the results is to the best possible order, by grades",
            per_query=lambda grades, counts, measure: ranking_metrics.ndcg(grades, counts, cutoff=measure.cutoff),
            takes_rel=False,
        ),
        MeasureKind(
            name="nDCGexp",
            says="nDCG with gain 2^grade - 1: the highest grades weigh most",
            per_query=lambda grades, counts, measure: ranking_metrics.ndcg_exponential(
                grades, counts, cutoff=measure.cutoff
            ),
            takes_rel=False,
        ),
        MeasureKind(
            name="mAP",
            says="precision at each relevant result, averaged over everything relevant",
            per_query=lambda grades, counts, measure: ranking_metrics.average_precision(
                grades, counts, cutoff=measure.cutoff, rel=measure.rel
            ),
        ),
        MeasureKind(
            name="MRR",
            says="one divided by the rank of the first relevant result",
            per_query=lambda grades, _, measure: ranking_metrics.reciprocal_rank(
                grades, cutoff=measure.cutoff, rel=measure.rel
            ),
        ),
        MeasureKind(
            name="P",
            says="share of the first k results that are relevant",
            per_query=lambda grades, _, measure: ranking_metrics.precision(
                grades, cutoff=measure.cutoff or grades.shape[1], rel=measure.rel
            ),
            needs_cutoff=True,
        ),
        MeasureKind(
            name="R",
            says="share of the relevant images that are among the first k results",
            per_query=lambda grades, counts, measure: ranking_metrics.recall(
                grades, counts, cutoff=measure.cutoff, rel=measure.rel
            ),
            needs_cutoff=True,
        ),
        MeasureKind(
            name="Judged",
            says="share of the first k results that anybody judged",
            per_query=lambda grades, _, measure: ranking_metrics.judged(grades, cutoff=measure.cutoff),
            takes_rel=False,
            needs_relevant=False,
        ),
    )
}

_NAMES = {name.lower(): name for name in MEASURES} | {"ap": "mAP", "map": "mAP", "rr": "MRR"}

DEFAULT_MEASURES = (
    Measure("nDCG", cutoff=10),
    Measure("mAP"),
    Measure("R", cutoff=100),
    Measure("P", cutoff=5),
    Measure("MRR"),
    Measure("Judged", cutoff=10),
)


def _unknown_measure(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), _NAMES, n=1)
    hint = f"; did you mean {_NAMES[near[0]]}?" if near else ""
    return f"there is no measure {name!r}; there are {', '.join(MEASURES)}{hint}"
