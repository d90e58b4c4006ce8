import numpy as np
import pytest

from lookalike.feedback.position_bias import PositionBias


def curve(*propensities, offsets=None):
    values = np.array(propensities)
    nothing = np.full(len(values), np.nan)
    return PositionBias(
        method="harvesting",
        propensities=values,
        low=nothing,
        high=nothing,
        confidence=0.95,
        impressions=nothing,
        clicks=nothing,
        documents=1,
        offsets=None if offsets is None else np.array(offsets),
    )


def test_ranks_without_an_estimate_have_what_lies_between_those_beside_them():
    assert curve(1.0, np.nan, np.nan, 0.25).by_rank() == pytest.approx((1.0, 0.5, 1 / 3, 0.25))
    assert curve(np.nan, np.nan).by_rank() == (1.0, 1.0)


def test_none_is_so_small_that_a_click_gets_a_weight_without_bounds():
    assert min(curve(1.0, 1e-6, 0.0).by_rank()) >= 0.009


def test_each_rank_has_an_offset_where_people_trust_the_order():
    assert curve(1.0, 0.5).offsets_by_rank() == ()
    found = curve(1.0, np.nan, np.nan, 0.25, offsets=[0.6, np.nan, np.nan, 0.0]).offsets_by_rank()
    assert found == pytest.approx((0.6, 0.3, 0.6 * (1 - np.log(3) / np.log(4)), 0.0))
