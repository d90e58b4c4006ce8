"""Levels of relevance are found in clicks without labels."""

from dataclasses import replace

import numpy as np
import pytest

from lookalike.feedback.click_levels import ClickEvidence, ClickLevels, fit_click_levels
from lookalike.feedback.dwell_sums import DwellSums

RATES, SECONDS, SPREAD = np.array([0.05, 0.2, 0.5]), np.array([2.0, 5.0, 15.0]), 0.6


def simulated(pairs=6_000, searches=12, *, dwell=True, trust=0.0, seed=1):
    """A log of pairs of known levels, with scores that say a little of them."""
    rng = np.random.default_rng(seed)
    level = rng.integers(3, size=pairs)
    exposure = rng.uniform(0.3, 1.0, size=pairs) * searches
    unearned = trust * rng.uniform(0.0, 1.0, size=pairs) * searches
    clicks = rng.poisson(RATES[level] * exposure + unearned).astype(float)
    logs = [
        np.log(SECONDS[one]) + SPREAD * rng.standard_normal(int(count))
        for one, count in zip(level, clicks, strict=True)
    ]
    evidence = ClickEvidence(
        exposure=exposure,
        unearned=unearned,
        clicks=clicks,
        dwells=DwellSums(
            counts=clicks * dwell,
            logs=np.array([one.sum() for one in logs]) * dwell,
            squares=np.array([(one**2).sum() for one in logs]) * dwell,
        ),
    )
    return level, evidence, level + 2 * rng.standard_normal(pairs)


def test_rates_and_dwells_of_a_simulated_log_are_found():
    _, evidence, scores = simulated()
    found = fit_click_levels(evidence, scores)
    assert found.rates == pytest.approx(RATES, rel=0.2)
    assert np.exp(found.log_dwell) == pytest.approx(SECONDS, rel=0.2)
    assert found.spread == pytest.approx(SPREAD, rel=0.1)


def test_clicks_that_are_owed_to_trust_do_not_raise_rates():
    level, evidence, scores = simulated(trust=0.3)
    found = fit_click_levels(evidence, scores)
    assert found.rates == pytest.approx(RATES, rel=0.3, abs=0.02)
    blind = replace(evidence, unearned=np.zeros_like(evidence.unearned))
    expected = {
        name: np.exp(fit_click_levels(one, scores).log_likelihood(one))
        for name, one in [("knows", evidence), ("blind", blind)]
    }
    right = {name: np.corrcoef(one @ np.arange(3) / one.sum(axis=1), level)[0, 1] for name, one in expected.items()}
    assert right["knows"] > right["blind"]


@pytest.mark.parametrize("dwell", [True, False])
def test_the_likelihood_tells_levels_better_than_clicks_for_each_look(dwell):
    level, evidence, scores = simulated(dwell=dwell)
    likely = np.exp(fit_click_levels(evidence, scores).log_likelihood(evidence))
    expected = likely @ np.arange(3) / likely.sum(axis=1)
    rates = evidence.clicks / evidence.exposure
    assert np.corrcoef(expected, level)[0, 1] > np.corrcoef(rates, level)[0, 1]
    assert likely.max(axis=1) == pytest.approx(1.0)


def test_the_likelihood_is_that_of_poisson_clicks_and_normal_logarithms():
    levels = ClickLevels(rates=np.array([0.1, 0.4]), log_dwell=np.array([0.5, 1.5]), spread=0.7)
    logs = np.array([0.2, 1.1])
    one = {"exposure": [3.0], "unearned": [0.5], "clicks": [2.0]}
    evidence = ClickEvidence(
        **{name: np.array(value) for name, value in one.items()},
        dwells=DwellSums(counts=np.array([2.0]), logs=np.array([logs.sum()]), squares=np.array([(logs**2).sum()])),
    )
    by_hand = []
    for rate, middle in ((0.1, 0.5), (0.4, 1.5)):
        mean = rate * 3.0 + 0.5
        by_hand.append(2 * np.log(mean) - mean - sum((log - middle) ** 2 for log in logs) / (2 * 0.7**2))
    (found,) = levels.log_likelihood(evidence)
    assert found == pytest.approx(np.array(by_hand) - max(by_hand))
