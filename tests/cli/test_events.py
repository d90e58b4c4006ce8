import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lookalike.catalog import Catalog, QueryRecord, sqlite_url
from lookalike.types import Interaction, InteractionKind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
IMAGE = "0" * 32


def opened(folder):
    folder.mkdir(exist_ok=True)
    return Catalog.open(sqlite_url(folder / "catalog.sqlite"), originals=folder / "originals")


def fill(folder, events=()):
    """A library with a query of one hit, and these events."""
    with opened(folder) as catalog:
        catalog.queries.write([QueryRecord(id="q", generation="g", ranked_ids=(IMAGE,), at=NOON)])
        catalog.interactions.write(events)


def event(name, **options):
    described: dict[str, Any] = {"position": 1, "kind": InteractionKind.CLICK, "at": NOON} | options
    return Interaction(event_id=name, query_id="q", image_id=IMAGE, **described)


@pytest.fixture
def events():
    dwell = event("dwell", kind=InteractionKind.DWELL, dwell_seconds=1 / 3, at=NOON + timedelta(minutes=1))
    placed = event("placed", row=2, column=3, fold=0, x=0.1, y=7.0, client_id="a, b", session_id="s", user_id="ann")
    return [placed, dwell, event("made", simulated=True, at=NOON + timedelta(hours=1))]


@pytest.mark.parametrize("name", ["log.jsonl", "log.csv"])
def test_what_is_exported_can_be_imported_into_the_same_searches(run, tmp_path, events, name):
    fill(tmp_path / "library", events)
    fill(tmp_path / "other")
    assert run.json("events", "export", name) == {"file": name, "events": 3}
    done = run.json("events", "import", name, "--library", tmp_path / "other")
    assert (done["read"], done["stored"], done["already_known"], done["refused"]) == (3, 3, 0, 0)
    with opened(tmp_path / "other") as catalog:
        assert list(catalog.interactions.log()) == events
    assert run.json("events", "import", name)["already_known"] == 3


def test_some_events_are_exported(run, tmp_path, events):
    fill(tmp_path / "library", events)

    def exported(*how):
        run("events", "export", "log.jsonl", *how)
        return [json.loads(line)["event_id"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]

    assert exported("--since", "2026-03-01T13:00:30", "--time-zone", "Europe/Berlin") == ["dwell", "made"]
    assert exported("--until", "2026-03-01T12:00:30Z") == ["placed"]
    assert exported("--kind", "dwell", "--kind", "save") == ["dwell"]
    assert exported("--simulated") == ["made"]
    assert exported("--real") == ["placed", "dwell"]
    assert "give a date or time" in run("events", "export", "x.csv", "--since", "noon", code=2).stderr
    assert "give --format" in run("events", "export", "x.txt", code=2).stderr


def ubi(**changes):
    place = {"object": {"object_id": IMAGE}, "position": {"ordinal": 1}}
    given = {"action_name": "click", "query_id": "q", "timestamp": NOON.isoformat(), "event_attributes": place}
    return json.dumps(given | changes)


def test_wrong_lines_of_a_log_are_listed_with_their_reasons_and_the_others_are_stored(run, tmp_path):
    fill(tmp_path / "library")
    beyond = {"object": {"object_id": IMAGE}, "position": {"ordinal": 2}}
    other = {"object": {"object_id": "1" * 32}, "position": {"ordinal": 1}}
    lines = [
        *[ubi(client_id=f"c{n}") for n in range(600)],
        "not JSON",
        ubi(query_id="of-another-library"),
        ubi(event_attributes=beyond),
        ubi(event_attributes=other),
        ubi(timestamp="2999-01-01T00:00:00Z"),
        ubi(action_name="view"),
        ubi(client_id="c0"),
    ]
    (tmp_path / "log.jsonl").write_text("\n".join(lines))
    done = run.json("events", "import", "log.jsonl", "--rejected", "refused.jsonl")
    assert (done["read"], done["stored"], done["already_known"], done["refused"]) == (607, 600, 1, 6)
    reasons = ["not-an-event", "unknown-query", "beyond-the-list", "not-shown", "invalid", "unknown-action"]
    assert [(line["number"], line["reason"]) for line in done["lines"]] == list(enumerate(reasons, start=601))
    assert done["reasons"] == dict.fromkeys(done["reasons"], 1)
    written = [json.loads(line)["number"] for line in (tmp_path / "refused.jsonl").read_text().splitlines()]
    assert sorted(written) == list(range(601, 607))
    told = run("events", "import", "log.jsonl", "--action", "view=click").stdout
    assert "607 events read, 1 stored, 601 known already, 5 refused" in told
    assert "line 602: unknown-query" in told


def test_the_log_of_another_library_is_refused_line_by_line(run, tmp_path):
    fill(tmp_path / "library")
    (tmp_path / "log.jsonl").write_text("\n".join(ubi(query_id=f"q{n}") for n in range(30)))
    told = run("events", "import", "log.jsonl", code=2).stdout
    assert "30 refused" in told
    assert "30 unknown-query" in told


def test_options_of_an_import_are_checked(run, tmp_path):
    fill(tmp_path / "library")
    (tmp_path / "log.jsonl").write_text(ubi(timestamp="2026-03-01T12:00:00"))
    for wrong, words in (
        (("--action", "view"), "NAME=KIND"),
        (("--action", "view=purchase"), "none of impression"),
        (("--time-zone", "Mars/Base"), "not known here"),
        (("--format", "xml"), "jsonl or csv"),
        (("--rejected", "no/folder/file"), "cannot be written"),
    ):
        code = 3 if "--rejected" in wrong else 2
        assert words in run("events", "import", "log.jsonl", *wrong, code=code).stderr
    assert run.json("events", "import", "log.jsonl", "--time-zone", "Europe/Berlin", "--simulated")["stored"] == 1
    with opened(tmp_path / "library") as catalog:
        (kept,) = catalog.interactions.log()
    assert (kept.at, kept.simulated) == (NOON - timedelta(hours=1), True)


def test_events_are_forgotten_by_person_and_by_age(run, tmp_path, events):
    recent = event("recent", at=datetime.now(UTC) - timedelta(days=1))
    fill(tmp_path / "library", [*events, recent])
    assert run.json("events", "forget", "--user", "ann") == {"forgotten": 1}
    assert run("events", "forget", "--older-than-days", "30").stdout == "2 events forgotten\n"
    for nothing in ((), ("--user", "ann", "--older-than-days", "30")):
        assert "--older-than-days" in run("events", "forget", *nothing, code=2).stderr
    with opened(tmp_path / "library") as catalog:
        assert list(catalog.interactions.log()) == [recent]
