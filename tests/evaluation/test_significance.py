import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lookalike.errors import EvaluationRefused
from lookalike.evaluation import (
    Judgements,
    Run,
    bootstrap_interval,
    compare,
    compare_evaluations,
    evaluate_run,
    holm,
    parse_measures,
    randomisation_test,
    significance,
)


@pytest.fixture
def skewed():
    """Per-query values as they often are: many zeros, some ones, a few between."""
    random = np.random.default_rng(1)
    return np.where(random.random(60) < 0.7, 0.0, random.random(60))


@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_intervals_agree_with_scipy(skewed, method):
    ours = bootstrap_interval(skewed, method=method.lower(), resamples=20_000)
    theirs = scipy.stats.bootstrap(
        (skewed,), np.mean, n_resamples=20_000, method=method, rng=np.random.default_rng(2)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.mean == pytest.approx(skewed.mean())
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.03 * width)


def test_an_interval_of_95_per_cent_holds_the_truth_about_that_often():
    random = np.random.default_rng(3)
    samples = random.beta(0.5, 1.5, size=(300, 40))  # of mean 0.25
    intervals = [bootstrap_interval(sample, resamples=500, seed=number) for number, sample in enumerate(samples)]
    held = np.mean([interval.low <= 0.25 <= interval.high for interval in intervals])
    assert 0.90 <= held <= 0.98


def test_the_same_seed_gives_the_same_interval_and_blocks_change_nothing(skewed, monkeypatch):
    first = bootstrap_interval(skewed, seed=7)
    assert bootstrap_interval(skewed, seed=7) == first
    assert bootstrap_interval(skewed, seed=8) != first
    p_value = randomisation_test(skewed - 0.1, seed=7)
    monkeypatch.setattr(significance, "_CELLS", 1000)
    assert bootstrap_interval(skewed, seed=7) == first
    assert randomisation_test(skewed - 0.1, seed=7) == pytest.approx(p_value, abs=0.01)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.sampled_from(["bca", "percentile"]))
@example([0.0, 7e-150], "bca")
@example([0.0, 5e-324], "bca")
def test_an_interval_lies_within_the_values(values, method):
    interval = bootstrap_interval(values, resamples=200, method=method)
    assert min(values) - 1e-9 <= interval.low <= interval.high <= max(values) + 1e-9


def test_more_confidence_is_a_wider_interval(skewed):
    narrow, wide = bootstrap_interval(skewed, confidence=0.5), bootstrap_interval(skewed, confidence=0.99)
    assert wide.low < narrow.low < narrow.mean < narrow.high < wide.high


def test_one_value_tells_nothing_and_equal_values_have_no_spread():
    alone = bootstrap_interval([0.5])
    assert alone.mean == 0.5
    assert math.isnan(alone.low)
    assert math.isnan(alone.high)
    same = bootstrap_interval([0.5] * 10)
    assert (same.low, same.high) == (0.5, 0.5)


@pytest.mark.parametrize("values", [[], [math.nan, 1.0], [math.inf], [[1.0]]])
def test_values_that_are_none_are_refused(values):
    with pytest.raises(EvaluationRefused):
        bootstrap_interval(values)
    with pytest.raises(EvaluationRefused):
        randomisation_test(values)


def test_settings_that_make_no_sense_are_mistakes():
    with pytest.raises(ValueError, match="confidence"):
        bootstrap_interval([1.0, 2.0], confidence=95)
    with pytest.raises(ValueError, match="same queries"):
        compare([1.0], [1.0, 2.0])


def slow_randomisation_test(differences):
    sums = [
        abs(sum(sign * d for sign, d in zip(signs, differences, strict=True)))
        for signs in itertools.product([1, -1], repeat=len(differences))
    ]
    return sum(total >= abs(sum(differences)) - 1e-9 for total in sums) / len(sums)


@settings(deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=8))
def test_few_queries_are_tested_exactly(differences):
    assert randomisation_test(differences) == pytest.approx(slow_randomisation_test(differences))


def test_many_queries_agree_with_scipy():
    differences = np.random.default_rng(5).normal(0.03, 0.15, size=80)
    theirs = scipy.stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=20_000, rng=np.random.default_rng(6)
    ).pvalue
    assert randomisation_test(differences, resamples=20_000) == pytest.approx(theirs, abs=0.015)


def test_under_the_null_hypothesis_p_values_are_spread_evenly():
    random = np.random.default_rng(9)
    p_values = [randomisation_test(random.normal(size=30), resamples=400, seed=number) for number in range(400)]
    assert scipy.stats.kstest(p_values, "uniform").pvalue > 0.001


def test_no_difference_has_p_1_and_a_p_value_is_never_0():
    assert randomisation_test(np.zeros(50)) == 1
    assert randomisation_test(np.ones(200), resamples=100) == pytest.approx(1 / 101)


def test_a_comparison_counts_wins_ties_and_losses_and_leaves_out_what_is_undefined():
    comparison = compare([1.0, 0.5, 0.2, math.nan, 0.9], [0.5, 0.5, 0.4, 0.1, math.nan])
    assert (comparison.wins, comparison.ties, comparison.losses, comparison.left_out) == (1, 1, 1, 2)
    assert comparison.queries == 3
    assert comparison.first - comparison.second == pytest.approx(comparison.difference.mean)
    assert comparison.effect_size == pytest.approx(0.1 / np.std([0.5, 0.0, -0.2], ddof=1))


def test_which_is_first_turns_the_sign_and_nothing_else():
    random = np.random.default_rng(4)
    ours, theirs = random.random(40), random.random(40)
    one, other = compare(ours, theirs), compare(theirs, ours)
    assert one.difference.mean == pytest.approx(-other.difference.mean)
    assert one.p_value == pytest.approx(other.p_value)
    assert one.effect_size == pytest.approx(-other.effect_size)
    assert (one.wins, one.losses) == (other.losses, other.wins)


def test_effect_sizes_without_spread():
    assert compare([0.5, 0.6], [0.5, 0.6]).effect_size == 0
    assert compare([0.6, 0.6], [0.5, 0.5]).effect_size == math.inf
    assert compare([0.5], [0.6]).effect_size == -math.inf
    with pytest.raises(EvaluationRefused, match="no query has a value"):
        compare([math.nan], [1.0])


def test_evaluations_are_paired_by_query_whatever_their_order():
    (mrr,) = parse_measures(["MRR"])
    judged = {"q": {"a": 1}, "r": {"a": 1}, "hopeless": {"a": 0}}
    first = evaluate_run(Run(rankings={query: ["a", "b"] for query in judged}), Judgements(grades=judged), [mrr])
    other = {"only here": {"a": 1}, "r": {"a": 1}, "q": {"a": 1}}
    second = evaluate_run(Run(rankings={"q": ["a"], "r": ["b", "a"]}), Judgements(grades=other), [mrr])
    comparison = compare_evaluations(first, second, mrr)
    assert (comparison.first, comparison.second) == (1.0, 0.75)
    assert (comparison.wins, comparison.ties, comparison.losses, comparison.left_out) == (1, 1, 0, 2)


def test_holm_adjusts_for_how_many_were_compared():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=10))
def test_adjusted_p_values_keep_their_order_and_never_fall(p_values):
    adjusted = holm(p_values)
    assert all(before <= after <= 1 for before, after in zip(p_values, adjusted, strict=True))
    ranked = [adjusted[place] for place in np.argsort(p_values, kind="stable")]
    assert ranked == sorted(ranked)
