import numpy as np
import pytest

from lookalike.feedback.position_bias import click_weights, corrected_click_rate


def test_a_click_where_few_people_look_counts_more_up_to_a_limit():
    weights = click_weights(np.array([1, 2, 3, 9]), np.array([1.0, 0.5, 0.05]), most=10)
    assert weights.tolist() == [1, 2, 10, 10]


def test_two_rankings_that_show_the_same_at_other_places_have_the_same_corrected_click_rate():
    looked = np.array([1.0, 0.5, 0.25])
    shown = np.array([100.0, 100.0, 100.0])
    above, below = np.array([40.0, 0, 0]), np.array([0, 0, 10.0])
    assert corrected_click_rate(above, shown * [1, 0, 0], looked) == pytest.approx(0.4)
    assert corrected_click_rate(below, shown * [0, 0, 1], looked) == pytest.approx(0.4)


def test_places_without_an_estimate_are_left_out():
    rate = corrected_click_rate(np.array([10.0, 5.0]), np.array([100.0, 100.0]), np.array([1.0, np.nan]))
    assert rate == pytest.approx(0.1)
    assert np.isnan(corrected_click_rate(np.array([1.0]), np.array([1.0]), np.array([np.nan])))
