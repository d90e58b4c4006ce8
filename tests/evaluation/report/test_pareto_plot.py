from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from evaluation.report.bench_points import POINTS, point
from lookalike.errors import StorageFailed
from lookalike.evaluation.report import pareto_plot


def test_plots_are_files_of_their_suffix(tmp_path):
    pareto_plot([*POINTS, point("a $x$ <b>", 0.3, 9)], tmp_path / "plot.png", measure="nDCG@10")
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 1000
    pareto_plot(POINTS, tmp_path / "plot.svg")
    assert ET.parse(tmp_path / "plot.svg").getroot().tag.endswith("svg")  # noqa: S314  our own


def test_the_same_numbers_make_the_same_file(tmp_path):
    for name in ("one.svg", "two.svg"):
        pareto_plot(POINTS, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_plot_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(StorageFailed, match="missing"):
        pareto_plot(POINTS, tmp_path / "missing" / "plot.png")
