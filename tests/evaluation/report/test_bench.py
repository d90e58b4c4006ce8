import math
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.report.bench_points import LARGE, POINTS, SMALL, point
from evaluation.report.example_report import Parsed
from lookalike.evaluation.report import advice, pareto_plot, pareto_svg, unbeaten


def test_the_front_leaves_out_what_another_beats():
    assert [one.name for one in unbeaten(POINTS)] == ["small", "middle", "large"]


@given(st.lists(st.tuples(st.floats(0, 1) | st.just(math.nan), st.floats(0.1, 1000)), max_size=12))
def test_the_front_is_what_no_other_dominates(pairs):
    points = [point(str(place), quality, time) for place, (quality, time) in enumerate(pairs)]
    measured = [one for one in points if not math.isnan(one.quality)]
    undominated = {
        (one.quality, one.milliseconds)
        for one in measured
        if not any(
            other.quality >= one.quality
            and other.milliseconds <= one.milliseconds
            and (other.quality, other.milliseconds) != (one.quality, one.milliseconds)
            for other in measured
        )
    }
    front = unbeaten(points)
    assert {(one.quality, one.milliseconds) for one in front} == undominated
    assert [one.milliseconds for one in front] == sorted(one.milliseconds for one in front)


def test_advice_takes_the_fastest_that_cannot_be_told_from_the_best():
    assert advice(POINTS).startswith("Take middle: its quality (0.600, 0.580 to 0.620) cannot be told")
    assert "3.0 times as fast" in advice(POINTS)


def test_a_test_that_was_made_decides_over_intervals():
    told_apart = point("middle", 0.60, 20, p_value=0.01)
    assert advice([LARGE, told_apart, SMALL]).startswith("Take large: it ranks best on your images")


def test_advice_for_few():
    assert advice([]) == "No model could be measured."
    assert advice([point("nan", math.nan, 3)]) == "No model could be measured."
    assert advice([SMALL]).startswith("Only small was measured")


def test_the_drawing_has_every_model_and_no_more():
    text = str(pareto_svg((*POINTS, point("broken", math.nan, 3)), measure="nDCG@10"))
    ET.fromstring(text)  # noqa: S314  our own
    assert {name for name in ("small", "middle", "large", "poor", "broken") if f">{name}</text>" in text} == {
        "small",
        "middle",
        "large",
        "poor",
    }
    assert text.count("<circle") == 4


@pytest.mark.parametrize(
    "points", [[], [SMALL], [point("same", 0.5, 5, spread=0), point("same too", 0.5, 5, spread=0)]]
)
def test_few_points_are_drawn(points, tmp_path):
    assert Parsed(str(pareto_svg(points, measure="P@5"))).faults == []
    pareto_plot(points, tmp_path / "plot.svg")
