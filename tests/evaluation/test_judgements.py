import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import EvaluationRefused
from lookalike.evaluation import Judgements, Run


@pytest.mark.parametrize("grade", [-1, 6, 2.5, 2.0, True, "3", None, math.nan])
def test_grades_that_are_not_whole_numbers_of_0_to_5_are_refused(grade):
    with pytest.raises(EvaluationRefused, match="'b'.*0 to 5"):
        Judgements(grades={"a": {"c": 5, "b": grade}})


def test_numpys_whole_numbers_are_grades():
    assert Judgements.of([("a", "b", grade) for grade in np.array([5, 5])]).grades == {"a": {"b": 5}}


def test_every_problem_is_listed_and_the_message_stays_short():
    with pytest.raises(EvaluationRefused) as refusal:
        Judgements(grades={"a": {f"b{number}": 9 for number in range(100)}})
    assert len(refusal.value.problems) == 100
    assert "... and 80 more" in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 22


def test_empty_sets_are_refused():
    with pytest.raises(EvaluationRefused, match="no judgements"):
        Judgements(grades={})
    with pytest.raises(EvaluationRefused, match="query 'a' has no judged image"):
        Judgements(grades={"a": {}})
    with pytest.raises(EvaluationRefused, match="the run is empty"):
        Run(rankings={})


def test_a_query_that_resembles_nothing_is_fine_in_a_collection_that_is_judged_whole():
    assert Judgements(grades={"a": {}}, collection=frozenset("ab")).pairs == 0


def test_duplicates_that_agree_count_once_and_those_that_do_not_are_refused():
    assert Judgements.of([("a", "b", 3), ("a", "b", 3)]).grades == {"a": {"b": 3}}
    with pytest.raises(EvaluationRefused, match="query 'a', image 'b': grades 3, 4 disagree"):
        Judgements.of([("a", "b", 3), ("a", "c", 1), ("a", "b", 4)])


@pytest.mark.parametrize(("combine", "grade"), [("median", 2), ("lowest", 1), ("highest", 5)])
def test_several_peoples_grades_combine_by_a_rule_that_is_named(combine, grade):
    judgements = Judgements.of([("a", "b", 5), ("a", "b", 1), ("a", "b", 2), ("a", "b", 3)], combine=combine)
    assert judgements.grades == {"a": {"b": grade}}
    assert combine in judgements.rule


def test_images_are_left_out_with_the_queries_that_have_nothing_else():
    judgements = Judgements(grades={"a": {"a": 5, "b": 1}, "c": {"c": 5}}).without({"a": {"a"}, "c": {"c"}})
    assert judgements.grades == {"a": {"b": 1}}


def test_a_run_with_an_image_twice_is_refused_by_name():
    with pytest.raises(EvaluationRefused, match="query 'q': image 'b' is ranked more than once"):
        Run(rankings={"q": ["a", "b", "c", "b"], "r": ["a"]})


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"q": [1.0, math.nan]}, "NaN"),
        ({"q": [1.0]}, "1 scores for 2 images"),
        ({}, "0 scores for 2 images"),
        ({"q": [1.0, 0.0], "r": [1.0]}, "'r' has scores but no ranking"),
    ],
)
def test_scores_that_do_not_fit_are_refused(scores, message):
    with pytest.raises(EvaluationRefused, match=message):
        Run(rankings={"q": ["a", "b"]}, scores=scores)


def test_scores_of_a_reranked_list_need_not_descend():
    assert Run(rankings={"q": ["a", "b"]}, scores={"q": [0.5, 0.9]}).scores == {"q": [0.5, 0.9]}


def test_equal_scores_rank_by_name_and_nan_is_refused():
    run = Run.of_scores({"q": {"b": 1.0, "c": 2.0, "a": 1.0}}, name="model")
    assert run.rankings == {"q": ("c", "a", "b")}
    assert run.scores == {"q": (2.0, 1.0, 1.0)}
    with pytest.raises(EvaluationRefused, match="image 'b': the score is not a number"):
        Run.of_scores({"q": {"a": 1.0, "b": math.nan}})


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=2), st.floats(allow_nan=False), min_size=1), st.randoms())
def test_a_run_does_not_depend_on_the_order_scores_come_in(scores, random):
    shuffled = list(scores.items())
    random.shuffle(shuffled)
    assert Run.of_scores({"q": scores}) == Run.of_scores({"q": dict(shuffled)})


def test_an_image_that_is_left_out_lets_the_others_move_up():
    run = Run(rankings={"a": ["a", "b", "c"], "d": ["a"]}, scores={"a": [3, 2, 1], "d": [1]}).without({"a": {"a"}})
    assert run.rankings == {"a": ("b", "c"), "d": ("a",)}
    assert run.scores == {"a": (2, 1), "d": (1,)}
