"""Confidence sequences: valid at every moment, and honest about too little data."""

import math

import numpy as np
import pytest

from lookalike.feedback.experiments import anytime_difference, anytime_mean
from lookalike.feedback.experiments.sequential import running_half_widths


def ever_wrong(truth, draws):
    """Share of runs in which the running interval excludes the truth at some moment from the 30th value on."""
    counts = np.arange(1, draws.shape[1] + 1, dtype=float)
    means = draws.cumsum(axis=1) / counts
    variances = (draws**2).cumsum(axis=1) / counts - means**2 + 12 / 4 / counts
    half = running_half_widths(counts, variances, confidence=0.95, tuned_for=1_000)
    return (np.abs(means - truth) > half)[:, 30:].any(axis=1).mean()


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.02])
def test_looking_after_every_query_misleads_in_fewer_than_five_of_a_hundred_experiments(rate):
    draws = (np.random.default_rng(0).random((600, 4_000)) < rate).astype(float)
    assert ever_wrong(rate, draws) <= 0.05
    fixed = 1.96 * np.sqrt(rate * (1 - rate) / np.arange(1, 4_001))
    means = draws.cumsum(axis=1) / np.arange(1, 4_001)
    assert (np.abs(means - rate) > fixed)[:, 30:].any(axis=1).mean() > 0.2, "as a usual interval does"


def test_the_interval_is_the_formula():
    values = np.random.default_rng(1).random(500)
    found = anytime_mean(values)
    rho = (-2 * math.log(0.05) + math.log(-2 * math.log(0.05) + 1)) / 1_000
    n = 500
    spread = math.sqrt(values.var(ddof=1) + 12 / 4 / n)  # as if 12 more lay at 0 and 1
    half = spread * math.sqrt(2 * (n * rho + 1) / (n**2 * rho) * math.log(math.sqrt(n * rho + 1) / 0.05))
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half))


def test_a_difference_is_found_and_no_difference_is_not():
    rng = np.random.default_rng(2)
    one, other = rng.random(5_000) < 0.3, rng.random(5_000) < 0.4
    assert anytime_difference(one, other).low > 0
    assert not anytime_difference(one[:2_500], one[2_500:]).excludes_zero


def test_few_values_decide_nothing():
    found = anytime_mean(np.ones(10))
    assert (found.mean, found.low, found.high) == (1.0, -math.inf, math.inf)
    assert math.isnan(anytime_mean([]).mean)
    assert not anytime_difference([], [1.0]).excludes_zero
