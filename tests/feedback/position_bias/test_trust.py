import numpy as np
import pytest

from lookalike.feedback.position_bias import ClickTable
from lookalike.feedback.position_bias.trust import fit_affine


def test_expected_clicks_give_back_slopes_and_offsets_at_the_reference():
    rng = np.random.default_rng(0)
    slopes, offsets = np.array([1.0, 0.5, 0.25]), np.array([0.0, 0.1, 0.05])
    relevance = rng.uniform(0.2, 0.9, size=300)
    shown = np.full((300, 3), 400.0)
    clicks = shown * (relevance[:, None] * slopes + offsets)
    table = ClickTable(impressions=shown, clicks=clicks, queries=np.arange(300), scores=np.full(300, np.nan))
    found = fit_affine(table)
    assert found.slopes == pytest.approx(slopes, abs=0.01)
    assert found.offsets == pytest.approx(offsets, abs=0.01)
