"""Harvesting against slow loops, against the pairwise estimator of the paper, and on known propensities."""

import numpy as np
import pytest

from lookalike.feedback.position_bias import ClickTable, estimate_position_bias
from lookalike.feedback.position_bias.harvesting import connected, harvest
from lookalike.feedback.simulation import PositionModel, grid_examination, list_examination


def by_loops(table, rounds=3_000):
    """The fixed point of Hunter 2004 for the same likelihood, document by document."""
    propensities = [1.0] * table.places
    for _ in range(rounds):
        expected = [0.0] * table.places
        for shown, clicked in zip(table.impressions, table.clicks, strict=True):
            if (shown > 0).sum() < 2 or not clicked.sum():
                continue
            total = sum(n * p for n, p in zip(shown, propensities, strict=True))
            for place, n in enumerate(shown):
                expected[place] += clicked.sum() * n / total
        moved = table.clicks[table.moved()].sum(axis=0)
        propensities = [moved[place] / expected[place] for place in range(table.places)]
    return np.array(propensities) / propensities[0]


def pivot(table):
    """The pivot estimator of Agarwal et al. 2019: ratios of click rates of images shown at rank 1 and at rank k."""
    rates = np.divide(table.clicks, table.impressions, out=np.zeros_like(table.clicks), where=table.impressions > 0)
    ratios = [1.0]
    for place in range(1, table.places):
        both = (table.impressions[:, 0] > 0) & (table.impressions[:, place] > 0)
        ratios.append(rates[both, place].sum() / rates[both, 0].sum())
    return np.array(ratios)


def test_it_is_the_maximum_that_slow_loops_find(world):
    table = world(queries=8, places=4, sessions=400).table(PositionModel(examination=list_examination(4)))
    assert np.exp(harvest(table, connected(table))) == pytest.approx(by_loops(table), rel=1e-6)


def test_it_agrees_with_the_pairwise_estimator_of_the_paper(world):
    table = world(sessions=60_000).table(PositionModel(examination=list_examination(6)))
    found = estimate_position_bias(table, method="harvesting", resamples=0).propensities
    assert found == pytest.approx(pivot(table), rel=0.1)


@pytest.mark.parametrize(
    "truth", [list_examination(6), list_examination(6, eta=0.3), grid_examination(6, columns=3, side=0.5)]
)
def test_known_propensities_come_back_within_their_intervals(world, truth):
    found = estimate_position_bias(world().table(PositionModel(examination=truth)), method="harvesting")
    assert found.propensities == pytest.approx(truth / truth.max(), rel=0.08)
    inside = (found.low <= truth / truth.max() + 1e-9) & (truth / truth.max() - 1e-9 <= found.high)
    assert inside.sum() >= 5


def test_better_images_above_do_not_look_like_position_bias(world):
    found = estimate_position_bias(world().table(PositionModel(examination=np.ones(6))), method="harvesting")
    assert found.propensities == pytest.approx(np.ones(6), rel=0.08)
    rates = found.clicks / found.impressions
    assert rates[5] < 0.6 * rates[0], "click rates alone would say so"


def test_places_that_share_no_image_with_the_others_are_unknown():
    shown = np.array([[5, 5, 0, 0], [5, 5, 0, 0], [0, 0, 5, 5]], dtype=float)
    table = ClickTable(impressions=shown, clicks=shown * 0.4, queries=np.array([0, 1, 2]), scores=np.full(3, np.nan))
    found = estimate_position_bias(table, method="harvesting")
    assert np.isfinite(found.propensities).tolist() == [True, True, False, False]
    assert found.by_rank() == pytest.approx((1.0, 1.0, 1.0, 1.0))
