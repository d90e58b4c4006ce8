"""The contents of a report as plain values, which need neither a library nor a search engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal, TypeAlias

from lookalike.errors import EvaluationRefused
from lookalike.evaluation.judgements import Judgements
from lookalike.evaluation.ranking_metrics import GRADE_LEVELS
from lookalike.evaluation.report.tables import ReportTables, tabulate
from lookalike.evaluation.scoring import Evaluation
from lookalike.evaluation.significance import RESAMPLES
from lookalike.types import Box

QueryKind: TypeAlias = Literal["whole image", "crop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What was measured, and how to measure it again.

    Attributes:
        library: the library, as the user names it.
        model: the model's name.
        fingerprint: of the model.
        generation: the state of the library that answered.
        backend: of the index, with its parameters where they matter.
        depth: how many results were asked for.
        at: when; with a time zone.
        version: of lookalike.
        command: that was typed, whole. Leave passwords out.
        warnings: a sentence each: what was left out, what to mind.
    """

    library: str
    model: str
    fingerprint: str
    generation: str
    backend: str
    depth: int
    at: datetime
    version: str
    command: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementSummary:
    """The judgements in numbers.

    Attributes:
        name: the file or the set.
        rule: how the grades came to be.
        queries: judged.
        pairs: (query, image) that are listed.
        images: distinct ones that are listed, or the whole collection where there is one.
        grades: how many pairs have grade 0, 1, ... 5.
    """

    name: str
    rule: str
    queries: int
    pairs: int
    images: int
    grades: tuple[int, ...]

    @classmethod
    def of(cls, judgements: Judgements, *, name: str) -> "JudgementSummary":
        """Counted from judgements."""
        grades = [0] * GRADE_LEVELS
        images: set[str] = set(judgements.collection)
        for judged in judgements.grades.values():
            images.update(judged)
            for grade in judged.values():
                grades[grade] += 1
        return cls(
            name=name,
            rule=judgements.rule,
            queries=len(judgements.grades),
            pairs=judgements.pairs,
            images=len(images),
            grades=tuple(grades),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryDescription:
    """Properties of a query, used for grouping results.

    Attributes:
        kind: a whole image, or a part of one.
        tags: of the query image.
    """

    kind: QueryKind = "whole image"
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StripHit:
    """An image in a strip.

    Attributes:
        image: its name, as people know it.
        rank: 1 for the best; None where it was not returned.
        grade: 0 to 5; None where nobody judged it.
        cosine: to the query, -1 to 1; None where not known.
        picture: a thumbnail in JPEG, PNG, WebP or GIF; None shows a placeholder.
    """

    image: str
    rank: int | None
    grade: int | None
    cosine: float | None = None
    picture: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryStrip:
    """One query and its hits, as pictures.

    Attributes:
        query: its name in the judgements.
        value: of the first measure.
        picture: thumbnail of the whole query image, as for `StripHit`.
        crop: the part of it that is the query.
        description: kind and tags.
        hits: the first results, best first.
        missed: the highest graded images that are not among `hits`, with the rank they got.
    """

    query: str
    value: float
    picture: bytes | None = field(default=None, repr=False)
    crop: Box | None = None
    description: QueryDescription = QueryDescription()
    hits: tuple[StripHit, ...] = ()
    missed: tuple[StripHit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthCurve:
    """A measure's mean at several depths.

    Attributes:
        system: whose results.
        measure: its name without a depth.
        depths: ascending.
        means: one for each depth, NaN where undefined.
    """

    system: str
    measure: str
    depths: tuple[int, ...]
    means: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class EvaluationReport:
    """Everything that a report shows.

    Attributes:
        circumstances: what was measured and how.
        judgements: by which judgements.
        served: what users get. Its first measure is the one that queries are ranked by and verdicts are about.
        exact: the same with exact search, by the same measures; None leaves the index's loss out.
        against: another run or model, by the same measures; None leaves the comparison out.
        queries: query name -> kind and tags. A query that is not named is a whole image without tags.
        best: the queries with the highest values, highest first.
        worst: the queries with the lowest values, lowest first.
        curves: measures by depth.
        resamples: draws for intervals and tests; fewer where there are very many queries, see `tables`.

    Raises:
        EvaluationRefused: `exact` or `against` lack a measure that `served` has.
    """

    circumstances: Circumstances
    judgements: JudgementSummary
    served: Evaluation
    exact: Evaluation | None = None
    against: Evaluation | None = None
    queries: Mapping[str, QueryDescription] = field(default_factory=dict)
    best: tuple[QueryStrip, ...] = ()
    worst: tuple[QueryStrip, ...] = ()
    curves: tuple[DepthCurve, ...] = ()
    resamples: int = RESAMPLES

    def __post_init__(self) -> None:
        for other in (self.exact, self.against):
            missing = [str(measure) for measure in self.served.measures if other and measure not in other.measures]
            if other and missing:
                raise EvaluationRefused(f"{other.run!r} was not evaluated by {', '.join(missing)}")

    @cached_property
    def tables(self) -> ReportTables:
        """Every number of the report, made once: programs that print them get the very same ones."""
        groups = {query: (self.describe(query).kind, self.describe(query).tags) for query in self.served.queries}
        return tabulate(self.served, exact=self.exact, against=self.against, groups=groups, resamples=self.resamples)

    def describe(self, query: str) -> QueryDescription:
        """Kind and tags of a query."""
        return self.queries.get(query, QueryDescription())
