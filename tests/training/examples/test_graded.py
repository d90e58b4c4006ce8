from lookalike.training.examples import (
    GradedQuery,
    graded_queries,
    pairs_by_grade,
    without_low_grades,
)
from lookalike.types import Box, Grade
from training.examples.made_pairs import NOW, pair


def grade(query, image, value, **options):
    return Grade(query_image_id=query, image_id=image, grade=value, at=NOW, **options)


def test_graded_queries_take_the_lower_median_and_tell_crops_from_whole_images():
    crop = Box(x=0, y=0, width=0.5, height=0.5)
    given_ = [grade("q", "a", value, user_id=str(value)) for value in (5, 1, 2, 4)]
    given_ += [
        grade("q", "b", 3),
        grade("q", "q", 5),
        grade("q", "c", 5, crop=crop),
        grade("q", "q", 4, crop=crop),
        grade("p", "a", 0),
    ]
    assert graded_queries(given_) == [
        GradedQuery(query="p", images=("a",), grades=(0,)),
        GradedQuery(query="q", images=("a", "b"), grades=(2, 3)),
        GradedQuery(query="q#xywh=percent:0,0,50,50", images=("c", "q"), grades=(5, 4)),
    ], "an image answers a part of itself, but not itself"


def test_pairs_by_grade_take_high_grades_and_lower_ones_as_hard_negatives():
    query = GradedQuery(query="q", images=tuple("abcd"), grades=(5, 3, 2, 0))
    made = pairs_by_grade([query], least=3)
    assert [(one.positive, one.weight, one.hard_negatives) for one in made] == [
        ("a", 1.0, ("c", "d")),
        ("b", 0.6, ("c", "d")),
    ]


def test_where_no_grade_is_high_the_highest_ones_are_taken():
    query = GradedQuery(query="q", images=tuple("abc"), grades=(1, 0, 1))
    assert [(one.positive, one.hard_negatives) for one in pairs_by_grade([query])] == [("a", ("b",)), ("c", ("b",))]
    assert pairs_by_grade([GradedQuery(query="q", images=("a",), grades=(0,))]) == []


def test_clicks_that_people_graded_low_are_dropped():
    query = GradedQuery(query="q", images=("a", "b"), grades=(1, 4))
    kept = without_low_grades([pair("q", "a"), pair("q", "b"), pair("q", "c"), pair("p", "a")], [query])
    assert [(one.query, one.positive) for one in kept] == [("q", "b"), ("q", "c"), ("p", "a")]
