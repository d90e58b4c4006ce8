import numpy as np
import pytest

from lookalike.feedback.simulation import CascadeModel, PositionModel, TrustModel, list_examination

SESSIONS, PLACES = 40_000, 6


def rates(model, appeal):
    _, clicked = model.clicks(np.broadcast_to(appeal, (SESSIONS, PLACES)), np.random.default_rng(0))
    return clicked.mean(axis=0)


def test_a_hit_is_clicked_as_often_as_its_place_is_looked_at_times_its_appeal():
    appeal = np.array([0.5, 0.2, 0.9, 0.0, 1.0, 0.5])
    seen = list_examination(PLACES, eta=1.0)
    assert rates(PositionModel(examination=seen), appeal) == pytest.approx(seen * appeal, abs=0.01)


def test_in_a_cascade_whoever_is_satisfied_sees_nothing_below_a_click():
    looked, clicked = CascadeModel(satisfied=1.0, tired=0.0).clicks(
        np.full((SESSIONS, PLACES), 0.3), np.random.default_rng(0)
    )
    assert clicked.sum(axis=1).max() == 1
    assert clicked.mean(axis=0) == pytest.approx(0.3 * 0.7 ** np.arange(PLACES), abs=0.01)
    below_a_click = np.cumsum(clicked, axis=1) - clicked > 0
    assert not (looked & below_a_click).any()


def test_trust_makes_click_rates_an_affine_function_of_appeal():
    model = TrustModel.usual(list_examination(PLACES, eta=0.5))
    for appeal in (0.0, 0.4, 1.0):
        expected = model.slope * appeal + model.examination * model.seen_as_bad
        assert rates(model, np.full(PLACES, appeal)) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    "model",
    [
        PositionModel(examination=list_examination(PLACES)),
        CascadeModel(),
        TrustModel.usual(list_examination(PLACES)),
    ],
)
def test_whatever_is_clicked_was_looked_at_and_a_seed_gives_the_same_clicks(model):
    appeal = np.random.default_rng(1).random((500, PLACES))
    looked, clicked = model.clicks(appeal, np.random.default_rng(2))
    again = model.clicks(appeal, np.random.default_rng(2))
    assert not (clicked & ~looked).any()
    assert (again[1] == clicked).all()
