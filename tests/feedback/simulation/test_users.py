import numpy as np
import pytest

from lookalike.feedback.simulation import NOTHING, Population, PositionModel, simulate_sessions

GRADES = np.tile(np.array([5, 3, 0, 0, 0, 0, 0, 0, NOTHING, NOTHING], dtype=np.int8), (20_000, 1))
EVERYTHING = PositionModel(examination=np.ones(10))


def sessions(**population):
    return simulate_sessions(GRADES, EVERYTHING, Population(**population), np.random.default_rng(3))


def test_nothing_is_done_where_nothing_is_shown():
    found = sessions(noise=0.3, bots=0.2)
    assert not found.examined[:, 8:].any()
    assert not found.clicked[:, 8:].any()


def test_noise_is_the_share_of_clicks_that_fall_on_hits_without_appeal():
    found = sessions(appeal=(0.0, 0.0, 0.0, 0.5, 0.5, 0.5), noise=0.2)
    assert found.clicked[:, 2:].sum() / found.clicked.sum() == pytest.approx(0.2, abs=0.01)
    assert found.clicked[:, :2].mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.02)


def test_images_of_better_grades_are_looked_at_longer():
    found = sessions(appeal=(0.5,) * 6)
    best, worst = np.nanmedian(found.dwell_seconds[:, 0]), np.nanmedian(found.dwell_seconds[:, 2])
    assert (best, worst) == (pytest.approx(22, rel=0.1), pytest.approx(2, rel=0.1))
    assert (np.isnan(found.dwell_seconds) == ~found.clicked).all()


def test_bots_click_nearly_everything_and_look_at_nothing():
    found = sessions(bots=0.1)
    assert found.bots.mean() == pytest.approx(0.1, abs=0.01)
    assert found.clicked[found.bots, :8].mean() > 0.9
    assert np.nanmax(found.dwell_seconds[found.bots]) == 0


@pytest.mark.parametrize(
    "wrong", [{"noise": 1.0}, {"bots": -0.1}, {"users": 0}, {"appeal": (0.5,)}, {"appeal": (2.0,) * 6}]
)
def test_a_population_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Population(**wrong)
