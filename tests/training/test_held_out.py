import numpy as np
import pytest

from lookalike.neighbors.cosines import unit_rows
from lookalike.training.examples import GradedQuery
from lookalike.training.held_out import FOUND_MEASURES, GRADED_MEASURES, ExactRanking, held_out

IDS = list("abcdef")
VECTORS = unit_rows(np.array([[1, 0], [1, 0.1], [1, 0.5], [0, 1], [0.1, 1], [-1, 0]], np.float32))


def query(name, **grades):
    return GradedQuery(query=name, images=tuple(grades), grades=tuple(grades.values()))


def judged_by(*arguments, **options):
    found = held_out(*arguments, **options)
    assert found is not None
    return found


def test_queries_without_anything_relevant_that_is_known_are_left_out():
    queries = [query("a", b=5, zz=3), query("c", d=0), query("e", zz=5), query("zz", a=5)]
    found = judged_by("grades", queries, set(IDS), GRADED_MEASURES)
    assert found.judgements.grades == {"a": {"b": 5}}
    assert held_out("grades", queries[1:], set(IDS), GRADED_MEASURES) is None


def test_an_image_is_not_its_own_result_but_a_part_of_it_may_find_it():
    names = [*IDS, "a#xywh=percent:0,0,50,50"]
    vectors = np.concatenate([VECTORS, VECTORS[:1]])
    judged = judged_by("x", [query("a", b=1), query(names[-1], a=1)], set(names), FOUND_MEASURES)
    run = ExactRanking(names, IDS).run(vectors, judged, depth=3, name="x")
    assert run.rankings["a"] == ("b", "c", "e")
    assert run.rankings[names[-1]] == ("a", "b", "c")


def test_condensed_queries_look_only_at_what_was_judged():
    judged = judged_by("clicks", [query("a", f=0, d=1)], set(IDS), FOUND_MEASURES, condensed=True)
    run = ExactRanking(IDS, IDS).run(VECTORS, judged, depth=3, name="x")
    assert run.rankings == {"a": ("d", "f")}


def test_the_value_is_ndcg_of_the_queries():
    ranking = ExactRanking(IDS, IDS)
    best, worst = (judged_by("x", [query("a", **{one: 1})], set(IDS), FOUND_MEASURES) for one in "bf")
    assert ranking.value(VECTORS, best) == pytest.approx(1.0)
    assert ranking.value(VECTORS, worst) == pytest.approx(1 / np.log2(6))


def test_a_better_model_is_compared_on_the_same_queries():
    judged = judged_by("x", [query("a", b=1), query("d", e=1)], set(IDS), FOUND_MEASURES)
    compared = ExactRanking(IDS, IDS).compare(VECTORS, -VECTORS[::-1].copy(), judged, resamples=50)
    first = compared.comparisons[FOUND_MEASURES[0]]
    assert first.first == pytest.approx(1.0)
    assert first.first >= first.second


def test_a_row_of_zeros_stays_one():
    np.testing.assert_allclose(unit_rows(np.array([[3, 4], [0, 0]], np.float32)), [[0.6, 0.8], [0.0, 0.0]], atol=1e-7)
