"""lookalike-small ranks no kind of photo worse than efficientnet-lite0, which it is made from."""

import importlib
import os
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def quality_by_kind(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    shared = importlib.import_module("training_distill").SHARED / "data"
    if not shared.is_dir() and not os.environ.get("CI"):
        pytest.skip(f"the judged photos are not in {shared}: set LOOKALIKE_SHARED")
    return importlib.import_module("quality_by_kind")


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(3600)
def test_the_small_model_is_below_its_base_on_no_kind(quality_by_kind, tmp_path):
    kinds = quality_by_kind.labelled()
    found = quality_by_kind.measured([quality_by_kind.SMALL], tmp_path, kinds)
    assert len(found) == len(kinds)
    assert quality_by_kind.below(found, quality_by_kind.SMALL) == []
