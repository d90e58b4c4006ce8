import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import EvaluationRefused
from lookalike.evaluation import (
    kendall_tau_b,
    majority,
    rank_agreement,
    spearman_rho,
    triplet_accuracy,
    vector_triplet_accuracy,
)

pairs_of_lists = st.integers(0, 40).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(-6, 6) | st.floats(-3, 3), min_size=n, max_size=n)] * 2)
)


def slow_tau_b(first, second):
    concordant = discordant = tied_first = tied_second = pairs = 0
    for i in range(len(first)):
        for j in range(i):
            pairs += 1
            x, y = np.sign(first[i] - first[j]), np.sign(second[i] - second[j])
            concordant += x * y > 0
            discordant += x * y < 0
            tied_first += x == 0
            tied_second += y == 0
    scale = math.sqrt((pairs - tied_first) * (pairs - tied_second))
    return (concordant - discordant) / scale if scale else math.nan


def slow_rho(first, second):
    def rank(values):
        return [np.mean([place for place, v in enumerate(sorted(values), start=1) if v == value]) for value in values]

    if len(set(first)) < 2 or len(set(second)) < 2:
        return math.nan
    return float(np.corrcoef(rank(first), rank(second))[0, 1])


@settings(deadline=None)
@given(pairs_of_lists)
def test_correlations_agree_with_slow_loops(lists):
    assert kendall_tau_b(*lists) == pytest.approx(slow_tau_b(*lists), abs=1e-12, nan_ok=True)
    assert spearman_rho(*lists) == pytest.approx(slow_rho(*lists), abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("count", [2, 3, 100, 1001])
@pytest.mark.parametrize("levels", [3, 10**9])
def test_correlations_agree_with_scipy_with_and_without_ties(count, levels):
    random = np.random.default_rng(count)
    first = random.integers(levels, size=count)
    second = first + random.integers(levels, size=count) // 2
    first[0], second[0] = levels + 1, levels + 1
    assert kendall_tau_b(first, second) == pytest.approx(scipy.stats.kendalltau(first, second).statistic, abs=1e-12)
    assert spearman_rho(first, second) == pytest.approx(scipy.stats.spearmanr(first, second).statistic, abs=1e-12)


@settings(deadline=None)
@given(pairs_of_lists)
def test_correlations_are_bounded_and_know_only_order(lists):
    first, second = lists
    for correlate in (kendall_tau_b, spearman_rho):
        value = correlate(first, second)
        assert math.isnan(value) or -1 <= value <= 1
        assert correlate(second, first) == pytest.approx(value, abs=1e-12, nan_ok=True)
        ranks = np.unique(first, return_inverse=True)[1]
        assert correlate(ranks**3 - 5, second) == pytest.approx(value, abs=1e-12, nan_ok=True)
        assert correlate(-ranks, second) == pytest.approx(-value, abs=1e-12, nan_ok=True)


def test_what_has_no_order_has_no_correlation_and_nan_is_refused():
    for correlate in (kendall_tau_b, spearman_rho):
        assert math.isnan(correlate([], []))
        assert math.isnan(correlate([1], [1]))
        assert math.isnan(correlate([1, 1, 1], [1, 2, 3]))
        assert correlate([1, 2, math.inf], [1, 2, 3]) == pytest.approx(1)
        with pytest.raises(EvaluationRefused, match="NaN"):
            correlate([1, math.nan], [1, 2])
        with pytest.raises(ValueError, match="one length"):
            correlate([1, 2], [1])


def test_ties_count_half_and_weights_weigh():
    agreement = triplet_accuracy([0.9, 0.5, 0.1], [0.1, 0.5, 0.9])
    assert (agreement.accuracy, agreement.triplets, agreement.ties) == (0.5, 3, 1)
    assert triplet_accuracy([0.9, 0.5, 0.1], [0.1, 0.5, 0.9], weights=[2, 1, 1]).accuracy == pytest.approx(2.5 / 4)
    assert triplet_accuracy([0.51], [0.5], tolerance=0.1).ties == 1


@pytest.mark.parametrize(
    ("closer", "farther", "weights"),
    [([], [], None), ([math.nan], [0.0], None), ([1.0], [0.0], [-1]), ([1.0], [0.0], [0]), ([1.0], [0.0], [math.nan])],
)
def test_triplets_that_say_nothing_are_refused(closer, farther, weights):
    with pytest.raises(EvaluationRefused):
        triplet_accuracy(closer, farther, weights=weights)


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_turning_every_triplet_round_turns_the_accuracy(count, seed):
    random = np.random.default_rng(seed)
    closer, farther = random.integers(4, size=count), random.integers(4, size=count)
    accuracy = triplet_accuracy(closer, farther).accuracy
    assert 0 <= accuracy <= 1
    assert triplet_accuracy(farther, closer).accuracy == pytest.approx(1 - accuracy)


def test_vectors_are_compared_by_cosine_as_a_loop_would(monkeypatch):
    random = np.random.default_rng(0)
    vectors = random.normal(size=(20, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    triplets = random.integers(20, size=(500, 3))
    right = 0.0
    for reference, closer, farther in triplets:
        difference = float(
            np.dot(vectors[reference].astype(np.float64), (vectors[closer].astype(np.float64) - vectors[farther]))
        )
        right += 0.5 if closer == farther else difference > 0
    monkeypatch.setattr("lookalike.evaluation.triplets._BLOCK", 64)
    assert vector_triplet_accuracy(vectors, triplets).accuracy == pytest.approx(right / 500)
    with pytest.raises(EvaluationRefused, match="not among the 20"):
        vector_triplet_accuracy(vectors, triplets + 10)
    with pytest.raises(ValueError, match=r"\[n, 3\]"):
        vector_triplet_accuracy(vectors, triplets[:, :2])


def test_votes_become_triplets_by_majority():
    votes = majority(np.array([[0, 1, 2], [0, 3, 4], [5, 6, 7]]), [[3, 1], [2, 2], [0, 4]])
    assert votes.triplets.tolist() == [[0, 1, 2], [5, 7, 6]]
    assert votes.weights.tolist() == [2, 4]
    assert votes.tied == 1
    assert votes.ceiling == pytest.approx(7 / 8)
    with pytest.raises(EvaluationRefused, match="tied"):
        majority(np.array([[0, 1, 2]]), [[1, 1]])
    with pytest.raises(EvaluationRefused, match="negative"):
        majority(np.array([[0, 1, 2]]), [[1, -1]])
    with pytest.raises(ValueError, match="votes"):
        majority(np.array([[0, 1, 2]]), [[1, 1], [1, 2]])


def test_rank_agreement_is_the_mean_over_queries_and_counts_those_without_order():
    queries = ["b", "a", "b", "a", "b", "flat", "flat"]
    human = [1, 1, 2, 2, 3, 1, 1]
    system = [0.1, 0.9, 0.2, 0.1, 0.3, 0.5, 0.6]
    agreement = rank_agreement(queries, human, system)
    assert agreement.kendall == pytest.approx(0)
    assert agreement.spearman == pytest.approx(0)
    assert (agreement.queries, agreement.undefined) == (2, 1)
    nothing = rank_agreement([1, 1], [1, 1], [1, 2])
    assert math.isnan(nothing.kendall)
    assert nothing.undefined == 1
    with pytest.raises(EvaluationRefused, match="no pair"):
        rank_agreement([], [], [])
    with pytest.raises(ValueError, match="one value"):
        rank_agreement([1], [1, 2], [1, 2])
