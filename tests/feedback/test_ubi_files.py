import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback.drawn_events import interactions
from lookalike.errors import CallerError, StorageFailed
from lookalike.feedback.ubi import ACTIONS
from lookalike.feedback.ubi_files import EventLine, Reading, RefusedLine, format_of, read_events, write_events
from lookalike.types import InteractionKind

EVENT: dict[str, Any] = {
    "event_id": "e",
    "action_name": "click",
    "query_id": "q",
    "timestamp": "2026-03-01T12:00:00Z",
    "event_attributes": {"object": {"object_id": "i"}, "position": {"ordinal": 2}},
}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(interactions(), max_size=5), st.sampled_from(["jsonl", "csv"]))
def test_what_is_written_is_read_back_the_same(tmp_path, events, file_format):
    file = tmp_path / "events"
    assert write_events(file, file_format, events) == len(events)
    lines = list(read_events(file, file_format))
    assert [line.event for line in lines if isinstance(line, EventLine)] == events
    assert len(lines) == len(events)


def refusals(file, **how):
    lines = read_events(file, format_of(file), Reading(**{"actions": ACTIONS} | how))
    return [(line.number, line.reason) if isinstance(line, RefusedLine) else line.number for line in lines]


def test_a_line_that_is_no_event_costs_only_itself(tmp_path):
    file = tmp_path / "events.jsonl"
    good = json.dumps(EVENT)
    lines = [
        "\ufeff" + good,
        "not JSON",
        "",
        "[1, 2]",
        good[:-5],
        '"' + "x" * (3 << 20) + '"',
        json.dumps(EVENT | {"action_name": "add_to_cart"}),
        json.dumps(EVENT | {"timestamp": "2026-03-01T12:00:00"}),
        json.dumps({"_index": "ubi_events", "_source": EVENT}),
        '{"event_id": "\\ud800"}',
        good,
    ]
    file.write_bytes("\n".join(lines).encode() + b"\n\xff\xfe\n")
    assert refusals(file) == [
        1,
        (2, "not-an-event"),
        (4, "not-an-event"),
        (5, "not-an-event"),
        (6, "not-an-event"),
        (7, "unknown-action"),
        (8, "invalid"),
        9,
        (10, "not-an-event"),
        11,
        (12, "not-an-event"),
    ]


def test_a_row_of_another_shape_costs_only_itself(tmp_path):
    file = tmp_path / "events.csv"
    header = "timestamp,action_name,query_id,event_attributes.object.object_id,event_attributes.position.ordinal,more"
    rows = [
        "2026-03-01T12:00:00Z,click,q,i,3,anything",
        "2026-03-01T12:00:00Z,click,q",
        "",
        "2026-03-01T12:00:00Z,click,q,i,0,",
        '"2026-03-01T12:00:00Z",click,q,i,7,""',
    ]
    file.write_text("\n".join([header, *rows]))
    assert refusals(file) == [2, (3, "not-an-event"), (5, "invalid"), 6]
    (first, *_) = read_events(file, "csv")
    assert (first.event.position, first.event.kind, first.event.row) == (3, InteractionKind.CLICK, None)


def test_actions_and_times_of_another_front_end(tmp_path):
    file = tmp_path / "events.jsonl"
    theirs = EVENT | {"action_name": "watch", "timestamp": "2026-03-29T03:30:00"}
    theirs["event_attributes"] = EVENT["event_attributes"] | {"dwell_seconds": 4}
    file.write_text(json.dumps(theirs))
    reading = Reading(
        actions={**ACTIONS, "watch": InteractionKind.DWELL}, zone=ZoneInfo("Europe/Berlin"), simulated=True
    )
    (line,) = read_events(file, "jsonl", reading)
    assert (line.event.kind, line.event.dwell_seconds, line.event.simulated) == (InteractionKind.DWELL, 4.0, True)
    assert line.event.at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert refusals(file) == [(1, "unknown-action")]


def test_formats_and_files_that_there_are_not(tmp_path):
    assert format_of(tmp_path / "a.CSV") == "csv"
    assert format_of(tmp_path / "a.log", "jsonl") == "jsonl"
    for name, given_format in (("a.log", None), ("a.csv", "xml")):
        with pytest.raises(CallerError, match="--format jsonl or csv"):
            format_of(tmp_path / name, given_format)
    with pytest.raises(CallerError, match="cannot be read"):
        list(read_events(tmp_path / "none.jsonl", "jsonl"))
    with pytest.raises(StorageFailed, match="cannot be written"):
        write_events(tmp_path / "no" / "folder.jsonl", "jsonl", [])
