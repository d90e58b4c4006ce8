import pytest

from lookalike.training.network.schedule import WarmUpCosine


def test_the_rate_rises_then_falls():
    schedule = WarmUpCosine(steps=100, warm_up=10, last=0.1)
    factors = [schedule.factor(step) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) == factors[9] == factors[10] == 1
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[55] == pytest.approx(0.55)
    assert factors[100] == pytest.approx(0.1)
