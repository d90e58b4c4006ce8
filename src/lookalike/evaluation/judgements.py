"""Judgements of people and runs of systems: the two inputs of every measure."""

import statistics
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from lookalike.errors import EvaluationRefused
from lookalike.evaluation.ranking_metrics import MAX_GRADE

Combination: TypeAlias = Literal["refuse", "median", "lowest", "highest"]
"""What becomes of several grades for one pair. `median` is the lower of the middle two, so that it is a grade."""

_SHOWN_PROBLEMS = 20


@dataclass(frozen=True, kw_only=True)
class Judgements:
    """Grades 0 (unrelated) to 5 (the same) of images for queries.

    Attributes:
        grades: query -> image -> grade.
        rule: how the grades came to be, in words, when they were made from something else.
        collection: images of which all are judged for every query: those a query does not list have grade 0. Empty, the
            usual case, means that an image which is not listed was not judged.

    Raises:
        EvaluationRefused: nothing is judged, a query has no judged image (and there is no collection), or a grade is
            not a whole number of 0 to 5.
    """

    grades: Mapping[str, Mapping[str, int]]
    rule: str = ""
    collection: frozenset[str] = field(default=frozenset(), repr=False)

    def __post_init__(self) -> None:
        if not self.grades:
            raise EvaluationRefused("there are no judgements: no query has a graded image")
        problems = []
        for query, judged in self.grades.items():
            if judged:
                problems += _bad_grades(query, judged)
            elif not self.collection:
                problems.append(f"query {query!r} has no judged image")
        refuse_if(problems, "judgements")

    @classmethod
    def of(
        cls, rows: Iterable[tuple[str, str, int]], *, combine: Combination = "refuse", rule: str = ""
    ) -> "Judgements":
        """Judgements from (query, image, grade) rows in any order; a pair that comes twice with one grade counts once.

        Args:
            rows: in any order.
            combine: what becomes of a pair with grades that differ. Other than `refuse`, it is added to the rule.
            rule: how the grades came to be.

        Raises:
            EvaluationRefused: as for the class, and for grades that differ where `combine` is `refuse`.
        """
        gathered: dict[str, dict[str, list[int]]] = {}
        for query, image, grade in rows:
            gathered.setdefault(query, {}).setdefault(image, []).append(grade)
        if combine == "refuse":
            refuse_if(
                [
                    f"query {query!r}, image {image!r}: grades {', '.join(map(str, grades))} disagree"
                    for query, judged in gathered.items()
                    for image, grades in judged.items()
                    if len(set(grades)) > 1
                ],
                "judgements",
            )
        else:
            rule = "; ".join(filter(None, [rule, f"several grades of a pair: {combine}"]))
        choose = _COMBINATIONS[combine]
        return cls(
            grades={
                query: {image: choose(grades) for image, grades in judged.items()} for query, judged in gathered.items()
            },
            rule=rule,
        )

    @property
    def pairs(self) -> int:
        """How many (query, image) pairs are listed."""
        return sum(map(len, self.grades.values()))

    def without(self, images: Mapping[str, Collection[str]]) -> "Judgements":
        """The same without some images of some queries; queries that have none left are gone.

        Args:
            images: query -> images to leave out. Queries that are not named stay as they are.

        Raises:
            EvaluationRefused: nothing is left.
        """
        kept = {
            query: {image: grade for image, grade in judged.items() if image not in images.get(query, ())}
            for query, judged in self.grades.items()
        }
        return replace(self, grades={query: judged for query, judged in kept.items() if judged or self.collection})


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a system returned for each query.

    Attributes:
        rankings: query -> image ids, best first. The order is the truth: re-ranking may leave scores out of order.
        scores: query -> one score for each id, or None when not known.
        name: of the system.

    Raises:
        EvaluationRefused: there is no query, an image stands twice in a ranking, a score is NaN, or scores and images
            differ in number.
    """

    rankings: Mapping[str, Sequence[str]]
    scores: Mapping[str, Sequence[float]] | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if not self.rankings:
            raise EvaluationRefused("the run is empty: it has no query")
        problems = []
        for query, ranking in self.rankings.items():
            if len(set(ranking)) != len(ranking):
                twice = [image for image, count in Counter(ranking).items() if count > 1]
                problems += [f"query {query!r}: image {image!r} is ranked more than once" for image in twice]
        refuse_if(problems + self._bad_scores(), "run")

    def _bad_scores(self) -> list[str]:
        if self.scores is None:
            return []
        problems = [f"query {query!r} has scores but no ranking" for query in self.scores.keys() - self.rankings.keys()]
        for query, ranking in self.rankings.items():
            scores = self.scores.get(query, ())
            if len(scores) != len(ranking):
                problems.append(f"query {query!r}: {len(scores)} scores for {len(ranking)} images")
            elif np.isnan(np.asarray(scores, dtype=np.float64)).any():
                problems.append(f"query {query!r}: a score is not a number (NaN)")
        return problems

    @classmethod
    def of_scores(cls, scores: Mapping[str, Mapping[str, float]], *, name: str = "") -> "Run":
        """A run from query -> image -> score: highest score first, equal scores by image id ascending.

        That is the order of this package's own indexes. trec_eval breaks ties the other way round.

        Raises:
            EvaluationRefused: as for the class.
        """
        problems = [
            f"query {query!r}, image {image!r}: the score is not a number (NaN)"
            for query, of_query in scores.items()
            for image, score in of_query.items()
            if score != score  # noqa: PLR0124  only NaN differs from itself
        ]
        refuse_if(problems, "run")
        ordered = {
            query: sorted(of_query.items(), key=lambda pair: (-pair[1], pair[0])) for query, of_query in scores.items()
        }
        return cls(
            rankings={query: tuple(image for image, _ in pairs) for query, pairs in ordered.items()},
            scores={query: tuple(score for _, score in pairs) for query, pairs in ordered.items()},
            name=name,
        )

    def without(self, images: Mapping[str, Collection[str]]) -> "Run":
        """The same without some images of some queries, the others moving up.

        Args:
            images: query -> images to leave out, as `judged_queries.own_images` makes it.
        """
        kept = {
            query: [place for place, image in enumerate(ranking) if image not in images.get(query, ())]
            for query, ranking in self.rankings.items()
        }
        scores = self.scores
        return replace(
            self,
            rankings={query: tuple(self.rankings[query][place] for place in places) for query, places in kept.items()},
            scores=None if scores is None else {query: tuple(scores[query][p] for p in kept[query]) for query in kept},
        )


def refuse_if(problems: Sequence[str], what: str) -> None:
    """Raise with every problem, the first ones in the message.

    Raises:
        EvaluationRefused: there is a problem.
    """
    if not problems:
        return
    shown = list(problems[:_SHOWN_PROBLEMS])
    if len(problems) > len(shown):
        shown.append(f"... and {len(problems) - len(shown)} more")
    raise EvaluationRefused("\n  ".join([f"{what}: {len(problems)} cannot be used:", *shown]), tuple(problems))


def _is_grade(grade: object) -> bool:
    return isinstance(grade, (int, np.integer)) and not isinstance(grade, bool) and 0 <= int(grade) <= MAX_GRADE


def _bad_grades(query: str, judged: Mapping[str, int]) -> list[str]:
    grades = judged.values()
    if set(map(type, grades)) == {int} and min(grades) >= 0 and max(grades) <= MAX_GRADE:
        return []  # millions of pairs pass here, so each is looked at by itself only when one of them is bad
    return [
        f"query {query!r}, image {image!r}: grade {grade!r} is not a whole number of 0 to {MAX_GRADE}"
        for image, grade in judged.items()
        if not _is_grade(grade)
    ]


_COMBINATIONS: dict[Combination, Callable[[list[int]], int]] = {
    "refuse": min,
    "median": statistics.median_low,
    "lowest": min,
    "highest": max,
}
