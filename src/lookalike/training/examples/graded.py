"""Pairs, triplets and lists from the grades 0 to 5 that people gave."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence

from lookalike.training.examples.example import GradedQuery, Pair, PairSource
from lookalike.training.rows import DescribedRow
from lookalike.types import Grade

_MOST_GRADE = 5


def graded_queries(grades: Iterable[Grade]) -> list[GradedQuery]:
    """Queries, whole images and crops of them, with what was graded for each, by the name of their row.

    Several people's grades of one pair become their lower median. A whole image's grade for itself is left out.
    """
    given: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for grade in grades:
        if grade.crop is not None or grade.image_id != grade.query_image_id:
            query = str(DescribedRow(image_id=grade.query_image_id, region=grade.crop))
            given[query][grade.image_id].append(grade.grade)
    return [
        GradedQuery(
            query=query,
            images=tuple(sorted(judged)),
            grades=tuple(statistics.median_low(judged[image]) for image in sorted(judged)),
        )
        for query, judged in sorted(given.items())
    ]


def pairs_by_grade(queries: Sequence[GradedQuery], *, least: int = 3) -> list[Pair]:
    """Each query with the images that answer it; the images with a lower grade are its hard negatives.

    Images with at least the grade `least` answer a query, or those with its highest grade where that is lower. The
    weight of a pair is its grade over 5.
    """
    pairs = []
    for query in queries:
        judged = list(zip(query.images, query.grades, strict=True))
        needed = max(min(least, max(query.grades)), 1)
        pairs += [
            Pair(
                query=query.query,
                positive=image,
                source=PairSource.GRADES,
                weight=grade / _MOST_GRADE,
                hard_negatives=tuple(other for other, lower in judged if lower < needed),
            )
            for image, grade in judged
            if grade >= needed
        ]
    return pairs


def low_graded(queries: Iterable[GradedQuery], *, least: int = 2) -> set[tuple[str, str]]:
    """(query, image) that people graded below `least`."""
    return {
        (query.query, image)
        for query in queries
        for image, grade in zip(query.images, query.grades, strict=True)
        if grade < least
    }


def without_low_grades(pairs: Iterable[Pair], queries: Iterable[GradedQuery], *, least: int = 2) -> list[Pair]:
    """Pairs (for example of clicks) without those that people graded below `least`; ungraded pairs are kept."""
    low = low_graded(queries, least=least)
    return [pair for pair in pairs if (pair.query, pair.positive) not in low]
