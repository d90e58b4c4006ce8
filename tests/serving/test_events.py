import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest

from lookalike.types import InteractionKind
from pictures import jpeg_bytes, photo

_numbers = itertools.count()


@pytest.fixture
def shown(client, images):
    """A query id and the ids that were shown for it."""
    files = {"image": ("q.jpg", jpeg_bytes(photo(seed=0)))}
    answer = client.post("/v1/search", files=files).json()
    return answer["query_id"], [hit["image"]["id"] for hit in answer["hits"]]


@pytest.fixture
def event(shown):
    """Makes events about that query."""

    def make(**changes):
        query_id, ids = shown
        return {
            "event_id": f"event-{next(_numbers)}",
            "query_id": query_id,
            "image_id": ids[0],
            "position": 1,
            "kind": "impression",
            **changes,
        }

    return make


def send(client, *events):
    return client.post("/v1/events", json={"events": list(events)})


def stored(library):
    return dict(library.catalog.counts().interactions)


def test_events_are_stored_once_however_often_they_are_sent(client, library, event):
    batch = [event(), event(kind="click"), event(kind="dwell", dwell_seconds=3.5)]
    assert send(client, *batch).json() == {"stored": 3, "already_known": 0}
    assert send(client, *batch).json() == {"stored": 0, "already_known": 3}
    assert send(client, batch[0], event()).json() == {"stored": 1, "already_known": 1}
    assert send(client, *[event(event_id="twice")] * 2).json() == {"stored": 1, "already_known": 1}
    assert stored(library) == {"impression": 3, "click": 1, "dwell": 1}


def test_a_click_right_after_its_search_is_taken(client, images):
    """The journal may not have written the query yet."""
    for seed in range(5):
        answer = client.post("/v1/search", files={"image": ("q.jpg", jpeg_bytes(photo(seed=seed)))}).json()
        click = {
            "event_id": f"click-{seed}", "query_id": answer["query_id"], "kind": "click",
            "image_id": answer["hits"][0]["image"]["id"], "position": 1,
        }  # fmt: skip
        assert send(client, click).json() == {"stored": 1, "already_known": 0}


@pytest.mark.parametrize("kind", ["application/json", "text/plain;charset=UTF-8", "text/plain"])
def test_beacons_send_json_as_text(client, event, kind):
    body = json.dumps({"events": [event()]})
    response = client.post("/v1/events", content=body, headers={"content-type": kind})
    assert response.json() == {"stored": 1, "already_known": 0}


def test_five_hundred_events_go_in_one_request(client, event, problem):
    assert send(client, *[event() for _ in range(500)]).json()["stored"] == 500
    assert problem(send(client, *[event() for _ in range(501)]), 422, "invalid-request").errors[0]["field"] == "events"


def test_times_are_kept_in_utc_and_default_to_now(client, library, event):
    at = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)
    offset = event(at=at.astimezone(None).isoformat())
    for given in (at.isoformat(), at.isoformat().replace("+00:00", "Z"), "2026-03-01T14:30:00.123+02:30"):
        assert send(client, event(at=given)).json()["stored"] == 1
    assert send(client, offset, event(at=None)).json()["stored"] == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "purchase"}, "kind"),
        ({"position": 0}, "position"),
        ({"position": "1"}, "position"),
        ({"position": 2**70}, "position"),
        ({"position": 1.5}, "position"),
        ({"event_id": ""}, "event_id"),
        ({"event_id": "x" * 65}, "event_id"),
        ({"event_id": "a\x00b"}, "event_id"),
        ({"query_id": None}, "query_id"),
        ({"image_id": 5}, "image_id"),
        ({"at": "yesterday"}, "at"),
        ({"at": "2026-03-01T12:00:00"}, "at"),
        ({"at": 1772366400}, "at"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "at"),
        ({"at": "9999-12-31T23:59:59-14:00"}, "at"),
        ({"at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}, "at"),
        ({"kind": "dwell"}, None),
        ({"dwell_seconds": 3}, None),
        ({"kind": "dwell", "dwell_seconds": -1}, "dwell_seconds"),
        ({"kind": "dwell", "dwell_seconds": 1e9}, "dwell_seconds"),
        ({"user_id": "a\nb"}, "user_id"),
        ({"simulated": False}, "simulated"),
    ],
)
def test_a_malformed_event_is_named_by_its_index_and_nothing_is_stored(client, library, event, problem, changes, field):
    told = problem(send(client, event(), event(), event(**changes)), 422, "invalid-request")
    assert [error["field"] for error in told.errors] == ["events[2]" + (f".{field}" if field else "")]
    assert sum(stored(library).values()) == 0


def test_numbers_that_are_not_finite_are_refused(client, event, problem):
    for number in ("NaN", "Infinity", "1e999"):
        body = json.dumps({"events": [event(kind="dwell", dwell_seconds=0.5)]}).replace("0.5", number)
        response = client.post("/v1/events", content=body, headers={"content-type": "application/json"})
        assert response.status_code in (400, 422)


def test_a_clock_a_little_ahead_is_forgiven(client, event):
    assert send(client, event(at=(datetime.now(UTC) + timedelta(minutes=2)).isoformat())).json()["stored"] == 1


def test_events_about_unknown_things_are_refused_by_index_and_the_others_are_stored(client, library, event, problem):
    batch = [event(kind="click") for _ in range(40)]
    batch[7]["query_id"] = "unknown"
    batch[23]["image_id"] = "0" * 32
    told = problem(send(client, *batch), 422, "event-refused")
    assert [error["field"] for error in told.errors] == ["events[7]", "events[23]"]
    assert stored(library)["click"] == 38
    batch[7], batch[23] = event(), event()
    assert send(client, *batch).json() == {"stored": 2, "already_known": 38}


def test_an_image_deleted_meanwhile_does_not_lose_the_batch(client, library, event, shown):
    _, ids = shown
    library.catalog.images.delete(ids[3])
    assert send(client, event(), event(image_id=ids[3], position=4)).json()["stored"] == 2


@pytest.mark.parametrize("body", [{}, {"events": []}, {"events": {}}, {"events": [None]}, [], None, {"events": [[]]}])
def test_batches_are_checked(client, problem, body):
    response = client.post("/v1/events", content=json.dumps(body), headers={"content-type": "application/json"})
    problem(response, 422, "invalid-request")


def test_events_are_counted_by_kind_and_when_they_are_new(client, event):
    batch = [event(kind="click"), event(), event()]
    send(client, *batch)
    send(client, *batch)
    text = client.get("/metrics").text
    assert 'lookalike_events_received_total{kind="click"} 2.0' in text
    assert 'lookalike_events_received_total{kind="impression"} 4.0' in text
    assert "lookalike_events_stored_total 3.0" in text


def test_kinds_are_those_of_the_catalog():
    assert {kind.value for kind in InteractionKind} == {"impression", "click", "dwell"}


def test_other_media_types_are_not_taken(client, problem):
    problem(client.post("/v1/events", data={"events": "x"}), 415, "unsupported-media-type")
