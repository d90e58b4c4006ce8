import math

import pytest

from lookalike.evaluation import Judgements, Measure, Run, evaluate_run
from lookalike.evaluation.report import depth_curves

JUDGEMENTS = Judgements(grades={"q": {"a": 5, "b": 0, "c": 2}, "r": {"a": 1, "d": 3}, "nothing": {"a": 0}})
RUN = Run(rankings={"q": ("b", "a", "x", "c", "d"), "r": ("x", "d", "a"), "nothing": ("a",)})


def test_each_point_is_the_mean_of_the_measure_at_that_depth():
    curves = depth_curves(RUN, JUDGEMENTS, system="served")
    assert [curve.measure for curve in curves] == ["nDCG", "R", "P"]
    for curve in curves:
        assert curve.depths == (1, 2, 3, 5)
        for depth, mean in zip(curve.depths, curve.means, strict=True):
            measure = Measure(curve.measure, cutoff=depth)
            assert mean == pytest.approx(evaluate_run(RUN, JUDGEMENTS, [measure]).mean(measure))


def test_nothing_relevant_is_not_defined():
    hopeless = Judgements(grades={"q": {"a": 0}})
    (curve,) = depth_curves(RUN, hopeless, system="served", measures=("nDCG",))
    assert all(math.isnan(mean) for mean in curve.means)


def test_empty_rankings_have_no_curve():
    assert depth_curves(Run(rankings={"q": ()}), JUDGEMENTS, system="served") == ()
