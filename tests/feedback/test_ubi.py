import json

import pytest
from hypothesis import given
from pydantic import ValidationError

from feedback.drawn_events import NOON, interactions
from lookalike.feedback.ubi import ACTIONS, UbiEvent, record_of
from lookalike.types import InteractionKind


@given(interactions())
def test_an_interaction_survives_the_way_through_json(interaction):
    event = UbiEvent.model_validate_json(json.dumps(record_of(interaction)))
    assert event.interaction(ACTIONS[event.action_name]) == interaction


def record(**changes):
    return {
        "action_name": "click_through",
        "query_id": "q",
        "timestamp": "2026-03-01T13:00:00+01:00",
        "event_attributes": {"object": {"object_id": "i"}, "position": {"ordinal": 2, "xy": {"x": 3, "y": 4.5}}},
    } | changes


def test_an_event_as_the_schema_shows_it():
    event = UbiEvent.model_validate_json(json.dumps(record(message_type="CONVERSION", message="anything")))
    assert ACTIONS[event.action_name] is InteractionKind.CLICK
    kept = event.interaction(InteractionKind.CLICK)
    assert (kept.position, kept.x, kept.y, kept.at, kept.simulated) == (2, 3.0, 4.5, NOON, False)


def test_an_event_without_an_id_is_named_by_its_content():
    def name(**changes):
        return UbiEvent.model_validate_json(json.dumps(record(**changes))).interaction(InteractionKind.CLICK).event_id

    assert name() == name()
    assert len({name(), name(query_id="other"), name(client_id="c"), name(timestamp="2026-03-01T13:00:01Z")}) == 4


def test_an_action_that_is_of_no_use_here_has_no_kind():
    assert "add_to_cart" not in ACTIONS
    assert UbiEvent.model_validate_json(json.dumps(record(action_name="add_to_cart"))).action_name == "add_to_cart"


@pytest.mark.parametrize(
    "wrong",
    [
        {"timestamp": "2026-03-01T13:00:00"},
        {"timestamp": "2199-01-01T00:00:00+00:00"},
        {"timestamp": "1999-12-31T23:59:59Z"},
        {"action_name": "dwell"},
        {"query_id": ""},
        {"client_id": "a\nb"},
        {"event_attributes": {"object": {"object_id": "i"}}},
        {"event_attributes": {"object": {"object_id": "i"}, "position": {"ordinal": 1}, "dwell_seconds": 1}},
        {"event_attributes": {"object": {}, "position": {"ordinal": 1}}},
    ],
)
def test_an_event_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        UbiEvent.model_validate_json(json.dumps(record(**wrong)))
