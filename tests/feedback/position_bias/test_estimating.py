import numpy as np
import pytest

from lookalike.errors import CallerError
from lookalike.feedback.position_bias import estimate_position_bias
from lookalike.feedback.simulation import PositionModel, TrustModel, list_examination

TRUTH = list_examination(6)


def test_one_ranker_leaves_only_regression_which_the_scores_must_explain(world):
    table = world(rankers=1).table(PositionModel(examination=TRUTH))
    found = estimate_position_bias(table, resamples=20)
    assert found.method == "regression"
    assert found.propensities == pytest.approx(TRUTH, rel=0.15)
    assert (found.low <= found.propensities).all()


def test_several_rankers_are_harvested(world):
    assert estimate_position_bias(world().table(PositionModel(examination=TRUTH)), resamples=0).method == "harvesting"


def test_harvesting_is_refused_where_no_image_moved(world):
    table = world(rankers=1).table(PositionModel(examination=TRUTH))
    with pytest.raises(CallerError, match="no image was clicked that was shown at several places"):
        estimate_position_bias(table, method="harvesting")


def test_an_unknown_method_is_refused(world):
    with pytest.raises(CallerError, match="choose one of auto, harvesting, regression, trust"):
        estimate_position_bias(world(sessions=200).table(PositionModel(examination=TRUTH)), method="guess")


def test_trust_is_told_apart_from_looking(world):
    model = TrustModel.usual(TRUTH, bad=0.4)
    table = world(sessions=40_000).table(model)
    found = estimate_position_bias(table, method="trust", resamples=5)
    slope = model.slope / model.slope[0]
    assert found.propensities == pytest.approx(slope, rel=0.2)
    plain = estimate_position_bias(table, method="harvesting", resamples=0).propensities
    assert np.abs(found.propensities / slope - 1).mean() < np.abs(plain / slope - 1).mean()
    assert found.offsets == pytest.approx(TRUTH * model.seen_as_bad, abs=0.1)


def test_the_same_seed_gives_the_same_intervals(world):
    table = world(sessions=2_000).table(PositionModel(examination=TRUTH))
    one, other = (estimate_position_bias(table, method="harvesting", seed=3) for _ in range(2))
    assert np.array_equal(one.low, other.low)
