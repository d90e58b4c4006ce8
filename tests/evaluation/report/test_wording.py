import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.report.example_report import JUDGED, MAP, NDCG, evaluation
from lookalike.evaluation import Comparison, Interval, Measure
from lookalike.evaluation.report import ComparisonRow, ReportTables, cautions, explain, verdict
from lookalike.evaluation.report.wording import byte_size, decimal, notices, p_value, signed, span


def interval(mean, low, high):
    return Interval(mean=mean, low=low, high=high, confidence=0.95, queries=50, method="bca")


def row(mean, low, high, p, measure=NDCG):
    found = Comparison(
        first=0.5 + mean,
        second=0.5,
        difference=interval(mean, low, high),
        p_value=p,
        effect_size=1,
        wins=30,
        ties=5,
        losses=15,
    )
    return ComparisonRow(measure=measure, comparison=found, adjusted_p=p)


def tables(*rows):
    return ReportTables(measures=(), comparisons=rows, groups=(), resamples=1)


@pytest.mark.parametrize(
    ("value", "plain", "with_sign"),
    [
        (0.5, "0.500", "+0.500"),
        (-0.0123, "\u22120.012", "\u22120.012"),
        (-0.0001, "0.000", "0.000"),
        (0.0001, "0.000", "0.000"),
        (0, "0.000", "0.000"),
        (math.nan, "not defined", "not defined"),
        (None, "not defined", "not defined"),
    ],
)
def test_numbers(value, plain, with_sign):
    assert decimal(value) == plain
    assert signed(value) == with_sign


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6))
def test_numbers_read_back(value):
    assert float(decimal(value).replace("\u2212", "-")) == pytest.approx(value, abs=0.00051)
    assert float(signed(value).replace("\u2212", "-")) == pytest.approx(value, abs=0.00051)


def test_ends_and_sizes():
    assert span(interval(0.1, -0.05, 0.2), signs=True) == "\u22120.050 to +0.200"
    assert span(interval(0.1, math.nan, math.nan)) == "not defined"
    assert [p_value(p) for p in (0.0004, 0.002, 0.61, math.nan)] == ["< 0.001", "= 0.002", "= 0.610", "not defined"]
    assert [byte_size(count) for count in (512, 1280, 2.5e9)] == ["512 bytes", "1.3 kB", "2.5 GB"]


def test_a_better_run_is_called_better():
    assert verdict(row(0.031, 0.012, 0.050, 0.002), ours="new", theirs="old") == (
        "new ranks better on your images than old by 0.031 nDCG@10 (0.012 to 0.050), and that is not luck: p = 0.002."
    )


def test_a_worse_run_is_called_worse():
    assert verdict(row(-0.031, -0.050, -0.012, 0.002), ours="new", theirs="old").startswith(
        "old ranks better on your images than new by 0.031 nDCG@10 (0.012 to 0.050)"
    )


def test_no_difference_is_not_called_one():
    said = verdict(row(0.031, -0.01, 0.07, 0.05), ours="new", theirs="old")
    assert said.startswith("No difference can be told between new and old: +0.031 nDCG@10")
    assert "better" not in said


def test_measures_that_disagree_are_named():
    found = cautions(tables(row(0.03, 0.01, 0.05, 0.01), row(-0.2, -0.3, -0.1, 0.01, MAP)), ours="new", theirs="old")
    assert found == ("mAP says the opposite: there old is better by 0.200.",)
    assert cautions(tables(row(0.03, 0.01, 0.05, 0.01), row(-0.2, -0.3, 0.1, 0.3, MAP)), ours="n", theirs="o") == ()


@pytest.mark.parametrize(("difference", "fewer"), [(0.3, "old"), (-0.3, "new")])
def test_unjudged_results_are_a_caution(difference, fewer):
    judged = row(difference, difference - 0.1, difference + 0.1, math.nan, JUDGED)
    (found,) = cautions(tables(row(0.03, 0.01, 0.05, 0.01), judged), ours="new", theirs="old")
    assert found.startswith(f"Far fewer results of {fewer} were judged")


def test_notices_count_what_is_left_out():
    given_values = [[0.5, 0.5, 0.5]] * 40 + [[math.nan, math.nan, 0.5]] * 2
    found = notices(evaluation(given_values, queries_without_results=("q0.jpg",), unjudged_results=210), NDCG)
    assert [text.split(",")[0].split(";")[0] for text in found] == [
        "2 of 42 queries have no value of nDCG@10",
        "1 of 42 queries got no results",
        "50 % of the first results were not judged",
    ]
    assert notices(evaluation(given_values[:40]), NDCG) == ()


def test_measures_are_explained_with_their_numbers():
    assert "first 10 results" in explain(NDCG)
    assert "first 5 results" in explain(Measure("P", cutoff=5))
    assert "grade of 4 or more" in explain(Measure("mAP", rel=4))
    assert "grade of" not in explain(NDCG)
