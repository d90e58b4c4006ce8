"""The numbers of a report against those of the functions that stand alone."""

import math

import numpy as np
import pytest

from evaluation.report.example_report import JUDGED, MAP, NDCG, evaluation
from lookalike.evaluation import bootstrap_interval, compare_evaluations, holm
from lookalike.evaluation.report import tabulate

NAN = math.nan


def tables(served, *, exact=None, against=None, groups=None, resamples=300):
    return tabulate(served, exact=exact, against=against, groups=groups or {}, resamples=resamples)


@pytest.fixture
def served():
    values = np.random.default_rng(1).random((50, 3))
    values[3, 0] = np.nan
    return evaluation(values)


def test_means_and_intervals_are_the_evaluations(served):
    rows = tables(served).measures
    assert [row.measure for row in rows] == [NDCG, MAP, JUDGED]
    first = rows[0]
    assert first.served == bootstrap_interval(served.values[~np.isnan(served.values[:, 0]), 0], resamples=300)
    assert first.undefined == 1
    assert first.loss is None
    assert math.isnan(first.exact)


def test_loss_is_exact_minus_served_by_query():
    served = evaluation([[0.2, 0.2, 0.9], [0.4, 0.4, 0.9], [NAN, 0.1, 0.9]], queries=["a", "b", "c"])
    exact = evaluation([[NAN, 0.1, 0.9], [0.7, 0.4, 0.9], [0.3, 0.2, 0.9]], queries=["c", "b", "a"])
    ndcg, mean_precision, judged = tables(served, exact=exact).measures
    assert ndcg.loss.mean == pytest.approx(0.2)
    assert ndcg.loss.queries == 2
    assert ndcg.exact == pytest.approx(0.5)
    assert (mean_precision.loss.low, mean_precision.loss.high) == (0, 0)
    assert judged.loss is None


def test_comparison_is_corrected_for_the_measures_of_quality(served):
    random = np.random.default_rng(2)
    against = evaluation(served.values + random.normal(0.02, 0.1, served.values.shape), run="theirs")
    rows = tables(served, against=against).comparisons
    alone = [compare_evaluations(served, against, measure, resamples=300) for measure in (NDCG, MAP, JUDGED)]
    assert [row.comparison for row in rows] == alone
    assert [row.adjusted_p for row in rows[:2]] == holm([one.p_value for one in alone[:2]])
    assert math.isnan(rows[2].adjusted_p)


def test_runs_without_a_common_query_are_not_compared(served):
    rows = tables(served, against=evaluation([[0.1, 0.1, 0.1]], queries=["elsewhere"])).comparisons
    assert [row.comparison for row in rows] == [None] * 3


def test_groups_hold_their_queries():
    served = evaluation([[0.1, 1, 1], [0.3, 1, 1], [0.8, 1, 1], [NAN, NAN, 1]], queries=list("abcd"))
    groups = {"a": ("crop", ["red", "red"]), "b": ("crop", []), "c": ("whole image", ["red"]), "d": ("crop", ["none"])}
    rows = tables(served, groups=groups).groups
    assert [(row.axis, row.name, row.queries) for row in rows] == [
        ("all", "all queries", 4),
        ("kind", "crop", 3),
        ("kind", "whole image", 1),
        ("tag", "red", 2),
        ("tag", "none", 1),
    ]
    means = [row.intervals[NDCG] and row.intervals[NDCG].mean for row in rows]
    assert means == [pytest.approx(0.4), pytest.approx(0.2), pytest.approx(0.8), pytest.approx(0.45), None]
    assert math.isnan(rows[2].intervals[NDCG].low)
    assert all(row.small for row in rows)


def test_very_many_queries_get_fewer_draws():
    few, many = (evaluation(np.full((count, 1), 0.5), measures=(NDCG,)) for count in (4_000, 50_000))
    assert tables(few, resamples=10_000).resamples == 10_000
    assert tables(many, resamples=10_000).resamples == 1_000
