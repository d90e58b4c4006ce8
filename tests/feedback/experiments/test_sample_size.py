import numpy as np
import pytest

from lookalike.errors import CallerError
from lookalike.feedback.experiments import queries_for_interleaving, queries_for_split


def test_the_usual_number_of_queries_detects_the_effect_in_four_of_five_experiments():
    total = queries_for_split(0.3, 0.05, sequential=False)
    assert total == pytest.approx(2 * 1_376, rel=0.01)  # the value of textbooks and calculators
    rng = np.random.default_rng(0)
    one, other = (rng.binomial(total // 2, rate, size=4_000) / (total // 2) for rate in (0.3, 0.35))
    error = np.sqrt((one * (1 - one) + other * (1 - other)) / (total // 2))
    assert (np.abs(other - one) > 1.96 * error).mean() == pytest.approx(0.8, abs=0.03)


def test_fewer_decided_queries_take_more_of_them_and_looking_all_the_time_too():
    few, many = (queries_for_interleaving(0.6, decided=share) for share in (0.5, 0.25))
    assert many == pytest.approx(2 * few, rel=0.01)
    assert queries_for_interleaving(0.6) > queries_for_interleaving(0.6, sequential=False)


@pytest.mark.parametrize(("rate", "effect"), [(0.0, 0.1), (0.95, 0.1), (0.3, 0.0)])
def test_rates_that_cannot_be_are_refused(rate, effect):
    with pytest.raises(CallerError, match="both rates must be between 0 and 1, and differ"):
        queries_for_split(rate, effect)
    with pytest.raises(CallerError, match="must be above 0.5"):
        queries_for_interleaving(0.5)
