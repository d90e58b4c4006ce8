import numpy as np
import pytest

from lookalike.feedback.position_bias.regression import regress


def test_expected_clicks_give_back_what_made_them_and_several_fits_are_made_at_once():
    looked, relevant = np.array([1.0, 0.6, 0.3]), np.array([0.8, 0.4, 0.1])
    shown = np.random.default_rng(0).integers(50, 200, size=(3, 3)).astype(float)
    clicks = shown * np.outer(relevant, looked)
    found = regress(np.stack([shown, 2 * shown]), np.stack([clicks, 2 * clicks]))
    assert found == pytest.approx(np.stack([looked, looked]), rel=0.02)


def test_a_place_where_nothing_was_shown_is_unknown():
    shown = np.array([[10.0, 10.0, 0.0], [10.0, 10.0, 0.0]])
    assert np.isnan(regress(shown, shown / 2)[2])
