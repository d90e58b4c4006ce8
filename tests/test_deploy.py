"""The files in `deploy/`: they name what is there."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lookalike.settings import PREFIX, Settings

yaml = pytest.importorskip("yaml")

DEPLOY = Path(__file__).parents[1] / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())


def metrics_of(expression):
    return set(re.findall(r"\blookalike_[a-z0-9_]+", expression))


@pytest.fixture(scope="module")
def known():
    """Names of all metrics, as they are written in the code, with the endings that Prometheus gives them."""
    source = (Path(__file__).parents[1] / "src/lookalike/serving/metrics.py").read_text()
    names = set(re.findall(r'"(lookalike_\w+)"', source))
    return {f"{name}{end}" for name in names for end in ("", "_total", "_bucket", "_sum", "_count")}


def test_alerts_and_dashboard_name_metrics_that_are_there(known):
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"][0]["rules"]
    panels = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())["panels"]
    expressions = [rule["expr"] for rule in rules] + [one["expr"] for panel in panels for one in panel["targets"]]
    named = set().union(*map(metrics_of, expressions))
    assert len(named) >= 12
    assert named <= known
    assert all(rule["annotations"]["description"] for rule in rules)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_settings_in_the_environment_are_settings(file):
    named = {name.lower() for name in re.findall(rf"\b{PREFIX}([A-Z_]+)", file.read_text())}
    assert named <= set(Settings.model_fields)


def test_yaml_files_are_yaml():
    found = [
        yaml.safe_load(file.read_text()) for file in FILES if file.suffix == ".yaml" and "templates" not in file.parts
    ]
    assert all(found)
    assert len(found) >= 6


def test_the_container_runs_as_nobody_in_particular_and_is_looked_after():
    written = (DEPLOY / "Containerfile").read_text()
    assert re.search(r"^USER 10001$", written, re.MULTILINE)
    assert "HEALTHCHECK" in written
    assert "torch" not in written.replace("no torch", "")


def test_systemd_accepts_the_unit(tmp_path):
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "lookalike.service"
    written = (DEPLOY / "lookalike.service").read_text()
    unit.write_text(written.replace("/opt/lookalike/bin/lookalike", "/bin/true").replace("User=lookalike\n", ""))
    done = subprocess.run([verify, "verify", "--man=no", unit], capture_output=True, text=True, check=False, timeout=60)
    assert unit.name not in done.stderr, done.stderr
