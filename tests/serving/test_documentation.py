"""`docs/http.md` names every route, problem and metric there is, and no other."""

import re
from pathlib import Path

import pytest

from lookalike.errors import EnvironmentFault
from lookalike.serving.problems import KINDS
from lookalike.types import Match

DOCUMENT = (Path(__file__).parents[2] / "docs" / "http.md").read_text(encoding="utf-8")


def test_every_route_is_documented(client):
    paths = client.get("/openapi.json").json()["paths"]
    routes = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    assert set(re.findall(r"^\| `([A-Z]+ /\S*)` \|", DOCUMENT, re.MULTILINE)) == routes


def test_every_problem_is_documented_with_its_status():
    documented = {
        code: {int(status) for status in re.findall(r"\d+", statuses)}
        for code, statuses in re.findall(r"^\| `([a-z-]+)` \| ([\d, ]+) \|", DOCUMENT, re.MULTILINE)
    }
    assert documented.keys() == KINDS.keys()
    for code, (status, _) in KINDS.items():
        assert status in documented[code]


@pytest.mark.parametrize("fault", EnvironmentFault.__subclasses__(), ids=lambda fault: fault.code)
def test_every_fault_of_the_environment_is_documented(fault):
    assert f"`{fault.code}`" in DOCUMENT


def test_every_metric_is_documented(client, images):
    client.post("/v1/search", json={"image_id": images[0]})
    names = set(re.findall(r"^# TYPE (lookalike_\w+) (?!gauge created)", client.get("/metrics").text, re.MULTILINE))
    names = {name for name in names if not name.endswith("_created")}
    documented = set(re.findall(r"`(lookalike_\w+)`", DOCUMENT))
    told_of_a_snapshot = {  # see test_recall_metric.py
        "lookalike_index_recall_at_10",
        "lookalike_live_recall_at_10",
        "lookalike_live_recall_queries",
    }
    assert documented == names | told_of_a_snapshot


def test_every_match_is_documented():
    assert set(re.findall(r"^\| `([a-z-]+)` \|", DOCUMENT.split("| match |")[1].split("\n\n")[0], re.MULTILINE)) == {
        match.value for match in Match
    }
