from xml.etree import ElementTree as ET

import pytest

from lookalike.errors import StorageFailed
from lookalike.training.plotting import save_curves

LINES = [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0, "validation": 0.5}, {"step": 3, "validation": 0.6}]


def test_the_same_run_makes_the_same_file(tmp_path):
    for name in ("one.svg", "two.svg"):
        save_curves(LINES, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert ET.parse(tmp_path / "one.svg").getroot().tag.endswith("svg")  # noqa: S314  our own


def test_a_run_that_was_never_validated_is_drawn_too(tmp_path):
    save_curves(LINES[:1], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_plot_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(StorageFailed, match="missing"):
        save_curves(LINES, tmp_path / "missing" / "curves.svg")
