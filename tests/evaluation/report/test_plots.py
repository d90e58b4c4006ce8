from xml.etree import ElementTree as ET

import numpy as np

from evaluation.report.example_report import NDCG, evaluation
from lookalike.evaluation.report import (
    DepthCurve,
)
from lookalike.evaluation.report.plots import depth_plot, histogram, scatter


def test_plots_say_what_they_show(written):
    page = written()
    plots = [one for one in page.all("svg") if one.get("class") == "plot"]
    assert len(plots) == 3 + 1 + 1 + 2 + 2  # spread, depth, exact, against by quality, groups by quality
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert all(
        plot["role"] == "img" and plot["aria-labelledby"] in ids and plot["aria-describedby"] in ids for plot in plots
    )


def bars(markup):
    """The titles of a histogram's bars."""
    return [one.find("title").text for one in ET.fromstring(markup).iter("rect")]  # noqa: S314  our own


def test_a_histogram_has_a_bar_for_each_value_there_is_and_none_for_what_is_undefined():
    given = evaluation([[0.02, 0, 0], [0.03, 0, 0], [1.0, 0, 0], [np.nan, 0, 0]])
    drawn = histogram(given, NDCG, key="h")
    assert bars(drawn) == ["0.00 to 0.05: 2 queries", "0.95 to 1.00: 1 query"]
    assert "Histogram of 3 queries with a value; mean 0.350; 1 query not defined." in drawn


def test_queries_with_the_same_values_are_one_larger_circle():
    ours = evaluation([[0.5, 0, 0], [0.5, 0, 0], [0.9, 0, 0], [np.nan, 0, 0]])
    theirs = evaluation([[0.4, 0, 0], [0.4, 0, 0], [0.1, 0, 0], [0.3, 0, 0]])
    drawn = scatter(ours, theirs, NDCG, names=("new", "old"), key="s")
    circles = list(ET.fromstring(drawn).iter("circle"))  # noqa: S314  our own
    assert len(circles) == 2
    assert float(circles[0].get("r", "nan")) > float(circles[1].get("r", "nan"))
    assert "Scatter plot of 3 queries" in drawn


def test_a_depth_plot_says_both_ends_of_each_curve():
    curves = [
        DepthCurve(system="served", measure="nDCG", depths=(1, 10), means=(0.5, 0.25)),
        DepthCurve(system="exact", measure="nDCG", depths=(1, 10), means=(0.5, np.nan)),
    ]
    drawn = depth_plot(curves, key="d")
    assert "served: 0.500 at 1, 0.250 at 10; exact: 0.500 at 1, not defined at 10" in drawn
    assert "nan" not in drawn.lower()
