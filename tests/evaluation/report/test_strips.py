import math

from hypothesis import given
from hypothesis import strategies as st

from evaluation.report.example_report import NDCG, evaluation
from lookalike.evaluation import Judgements, Run
from lookalike.evaluation.report import StripMaker, extremes


@given(st.lists(st.floats(0, 1) | st.just(math.nan), min_size=1, max_size=40), st.integers(1, 12))
def test_extremes_are_the_ends_and_never_share_a_query(values, count):
    served = evaluation([[value] for value in values], measures=(NDCG,))
    by_query = dict(zip(served.queries, values, strict=True))
    found = extremes(served, NDCG, count=count)
    defined = [query for query in by_query if not math.isnan(by_query[query])]
    assert not set(found.best) & set(found.worst)
    assert len(found.best) + len(found.worst) == min(len(defined), 2 * count)
    best, worst = ([by_query[query] for query in end] for end in (found.best, found.worst))
    assert best == sorted(best, reverse=True)
    assert worst == sorted(worst)
    between = [by_query[query] for query in defined if query not in found.best + found.worst]
    assert all(value <= min(best) for value in between + worst if best)
    assert all(value >= max(worst) for value in between + best if worst)


def test_one_query_is_the_best():
    assert extremes(evaluation([[0.1]], measures=(NDCG,)), NDCG).best == ("q0.jpg",)
    assert extremes(evaluation([[0.1]], measures=(NDCG,)), NDCG).worst == ()


def maker(judged, ranking, **more):
    scores = {"q": tuple(1 - place / 100 for place in range(len(ranking)))}
    return StripMaker(
        run=Run(rankings={"q": ranking}, scores=scores),
        judgements=Judgements(grades={"q": judged}, **more),
        values={"q": 0.5},
        picture=lambda image: image.encode(),
        name=str.upper,
    )


def test_hits_carry_what_is_known_of_them():
    strip = maker({"a": 5, "b": 0}, ("a", "x", "b")).strip("q", picture=b"query")
    assert [(hit.image, hit.rank, hit.grade, hit.cosine, hit.picture) for hit in strip.hits] == [
        ("A", 1, 5, 1.0, b"a"),
        ("X", 2, None, 0.99, b"x"),
        ("B", 3, 0, 0.98, b"b"),
    ]
    assert (strip.value, strip.picture, strip.missed) == (0.5, b"query", ())


def test_what_is_not_listed_in_a_judged_collection_has_grade_0():
    strip = maker({"a": 5}, ("a", "x", "y"), collection=frozenset("ax")).strip("q", picture=None)
    assert [hit.grade for hit in strip.hits] == [5, 0, None]


def test_missed_are_the_highest_grades_below_the_strip_with_their_ranks():
    ranking = (*(f"n{place}" for place in range(10)), "late", "later")
    strip = maker({"never": 5, "later": 5, "late": 5, "n3": 5, "some": 2, "bad": 0}, ranking).strip("q", picture=None)
    assert [(hit.image, hit.rank, hit.grade) for hit in strip.missed] == [
        ("LATE", 11, 5),
        ("LATER", 12, 5),
        ("NEVER", None, 5),
        ("SOME", None, 2),
    ]
    assert strip.missed[2].cosine is None


def test_a_query_without_results_has_a_strip():
    empty = StripMaker(
        run=Run(rankings={"other": ("a",)}),
        judgements=Judgements(grades={"q": {"a": 3}}),
        values={"q": 0.0},
        picture=lambda _: None,
    ).strip("q", picture=None)
    assert empty.hits == ()
    assert [hit.image for hit in empty.missed] == ["a"]
