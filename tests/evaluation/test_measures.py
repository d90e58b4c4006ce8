import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import EvaluationRefused
from lookalike.evaluation import DEFAULT_MEASURES, MEASURES, Measure, parse_measures


@pytest.mark.parametrize(
    ("text", "measure"),
    [
        ("nDCG@10", Measure("nDCG", cutoff=10)),
        ("nDCG", Measure("nDCG")),
        ("nDCGexp@10", Measure("nDCGexp", cutoff=10)),
        ("mAP", Measure("mAP")),
        ("mAP(rel=2)", Measure("mAP", rel=2)),
        ("P(rel=2)@5", Measure("P", cutoff=5, rel=2)),
        ("P@5", Measure("P", cutoff=5)),
        ("R@100", Measure("R", cutoff=100)),
        ("MRR", Measure("MRR")),
        ("Judged@10", Measure("Judged", cutoff=10)),
    ],
)
def test_the_papers_spelling_is_read_and_written(text, measure):
    assert Measure.parse(text) == measure
    assert str(measure) == text


@pytest.mark.parametrize(
    ("text", "spelled"), [("ndcg@10", "nDCG@10"), ("MAP", "mAP"), ("AP", "mAP"), ("rr@10", "MRR@10")]
)
def test_letter_case_and_names_for_one_query_are_understood(text, spelled):
    assert str(Measure.parse(text)) == spelled


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("nDGC@10", "did you mean nDCG"),
        ("F1", "write it like"),
        ("Fscore", "there are nDCG, nDCGexp, mAP, MRR, P, R, Judged"),
        ("P", "as in P@10"),
        ("R", "as in R@10"),
        ("P@0", "1 or more"),
        ("mAP(rel=0)", "1 to 5"),
        ("mAP(rel=6)", "1 to 5"),
        ("nDCG(rel=2)@10", "no relevance threshold"),
        ("nDCG@ten", "write it like"),
        ("", "write it like"),
    ],
)
def test_what_is_no_measure_is_refused_with_a_hint(text, hint):
    with pytest.raises(EvaluationRefused, match=".*") as refusal:
        Measure.parse(text)
    assert hint in str(refusal.value)


def test_lists_of_measures_take_commas_and_blanks_and_count_each_once():
    assert parse_measures(["nDCG@10,mAP", "P@5 map"]) == (
        Measure("nDCG", cutoff=10),
        Measure("mAP"),
        Measure("P", cutoff=5),
    )
    with pytest.raises(EvaluationRefused, match="no measure given"):
        parse_measures([" , "])


def test_a_query_with_nothing_relevant_has_no_value_but_for_judged():
    grades = np.array([[0, 0], [2, 0]], dtype=np.int8)
    counts = np.array([[2, 0, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0]])
    for name, kind in MEASURES.items():
        first, second = Measure(name, cutoff=2).per_query(grades, counts)
        assert np.isnan(first) == kind.needs_relevant
        assert second > 0
    assert np.isnan(Measure("MRR", rel=3).per_query(grades, counts)).all()


def test_default_measures_can_be_typed():
    assert parse_measures(map(str, DEFAULT_MEASURES)) == DEFAULT_MEASURES


@settings(deadline=None)
@given(st.sampled_from(sorted(MEASURES)), st.integers(1, 10**6), st.integers(1, 5))
def test_every_measure_survives_its_spelling(name, cutoff, rel):
    measure = Measure(name, cutoff=cutoff, rel=rel if MEASURES[name].takes_rel else 1)
    assert Measure.parse(str(measure)) == measure
