import numpy as np
import pytest

from lookalike.feedback.dwell_sums import log_seconds


def test_very_short_dwells_are_alike():
    assert log_seconds(0.0) == log_seconds(0.01)
    assert log_seconds(np.e) == pytest.approx(1.0)
