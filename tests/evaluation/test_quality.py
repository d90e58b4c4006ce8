"""The packaged models rank as well as is committed in benchmarks/results/quality.json."""

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def quality():
    spec = importlib.util.spec_from_file_location("quality", PROJECT / "benchmarks" / "quality.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["quality"] = module
    spec.loader.exec_module(module)
    if not (module.SHARED / "data").is_dir() and not os.environ.get("CI"):
        pytest.skip(f"the judged photos are not in {module.SHARED / 'data'}: set LOOKALIKE_SHARED")
    return module


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("models", "sets"),
    [
        (["efficientnet-lite0"], ["wardrobe_and_grocery", "coco256", "smvs_dvd", "human_zappos85"]),
        (["clip-vit-b16"], ["smvs_dvd", "human_zappos85"]),
    ],
)
def test_no_measure_fell(quality, tmp_path, models, sets):
    committed = json.loads((quality.RESULTS / "quality.json").read_text())["sets"]
    measured = {name: quality.measure(quality.SETS[name], models, tmp_path) for name in sets}
    assert quality.fallen(measured, committed) == []
