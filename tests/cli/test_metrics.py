import pytest

from feedback.fixed_log import EVENTS, SEARCHES
from lookalike.catalog import Catalog, sqlite_url

PERIOD = ("--since", "2026-10-24", "--until", "2026-11-01", "--time-zone", "Europe/Berlin")


@pytest.fixture(autouse=True)
def logged(tmp_path):
    folder = tmp_path / "library"
    folder.mkdir()
    with Catalog.open(sqlite_url(folder / "catalog.sqlite"), originals=folder / "originals") as catalog:
        catalog.queries.write(SEARCHES)
        catalog.interactions.write(EVENTS)


def test_the_metrics_in_words(run):
    told = run("metrics", *PERIOD).stdout
    assert "2026-10-24 to 2026-11-01, days of Europe/Berlin; 2 people" in told
    assert "click-through rate  50.00%" in told
    assert "(3 of 6) of the suggested images that were shown" in told
    assert "time each day       23.3 s on average over 9 days; 30.0 s per active person" in told
    assert "without a result    20.00%" in told
    assert "31 events of programs, 2 on the query image itself" in told


def test_the_metrics_as_json(run):
    found = run.json("metrics", *PERIOD)
    assert (found["ctr"]["value"], found["by_day"][1]["seconds"], found["time_spent"][2]["per_person"]["value"]) == (
        0.5,
        90.0,
        70.0,
    )
    assert [group["name"] for group in found["by_position"]] == ["1", "2", "3", "4", "5"]


def test_simulated_events_are_labelled(run):
    assert "SIMULATED: no person did any of this" in run("metrics", *PERIOD, "--simulated").stdout
    assert run.json("metrics", *PERIOD, "--simulated")["simulated"] is True


def test_days_and_zones_are_checked(run):
    assert "--since yesterday: give a day" in run("metrics", "--since", "yesterday", code=2).stderr
    assert "not known here" in run("metrics", "--time-zone", "Berlin", code=2).stderr
