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
    return {kind: count for kind, count in library.catalog.counts().interactions.items() if count}


def test_events_are_stored_once_however_often_they_are_sent(client, library, event):
    batch = [event(), event(kind="click"), event(kind="dwell", dwell_seconds=3.5)]
    assert send(client, *batch).json() == {"stored": 3, "already_known": 0}
    assert send(client, *batch).json() == {"stored": 0, "already_known": 3}
    assert send(client, batch[0], event()).json() == {"stored": 1, "already_known": 1}
    assert send(client, *[event(event_id="twice")] * 2).json() == {"stored": 1, "already_known": 1}
    assert stored(library) == {"impression": 3, "click": 1, "dwell": 1}


def test_where_a_hit_stood_and_who_acted_are_kept(client, library, event):
    told = {
        "row": 2,
        "column": 3,
        "fold": 1,
        "x": 12.5,
        "y": 700.0,
        "session_id": "s",
        "client_id": "c",
        "user_id": "u",
    }
    send(client, event(kind="save", **told))
    (kept,) = library.catalog.interactions.log()
    assert {name: getattr(kept, name) for name in told} == told
    assert stored(library) == {"save": 1}


def ubi(event, **changes):
    """The same event as User Behavior Insights writes it."""
    told = event(**changes)
    return {
        "application": "shop",
        "action_name": told["kind"],
        "query_id": told["query_id"],
        "client_id": "browser",
        "timestamp": "2026-03-01T12:00:00Z",
        "message_type": "CLICK",
        "event_attributes": {
            "object": {"object_id": told["image_id"], "object_id_type": "product", "name": "a shoe"},
            "position": {"ordinal": told["position"], "x": 10, "y": 20.5},
            "browser": "any",
        },
    }


def test_events_of_user_behavior_insights_are_taken_beside_ours(client, library, event):
    theirs = ubi(event, kind="not_similar")
    assert send(client, theirs, event(kind="click"), theirs).json() == {"stored": 2, "already_known": 1}
    first, second = library.catalog.interactions.log()
    assert (first.kind, first.position, first.x, first.y) == (InteractionKind.NOT_SIMILAR, 1, 10.0, 20.5)
    assert (first.application, first.client_id, first.user_id) == ("shop", "browser", None)
    assert first.at == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert second.kind is InteractionKind.CLICK


def test_actions_that_are_of_no_use_here_are_refused_by_name(client, library, event, problem):
    told = problem(send(client, ubi(event) | {"action_name": "add_to_cart"}, event()), 422, "event-refused")
    assert [(error["field"], error["reason"]) for error in told.errors] == [("events[0].action_name", "unknown-action")]
    assert "add_to_cart" in told.errors[0]["message"]
    assert stored(library) == {"impression": 1}


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


def test_clients_whose_clock_is_wrong_say_how_long_ago_it_was(client, library, event):
    before = datetime.now(UTC)
    send(
        client,
        event(event_id="now"),
        event(event_id="first", seconds_ago=3600.5),
        event(event_id="second", seconds_ago=9),
    )
    times = {one.event_id: one.at for one in library.catalog.interactions.log()}
    assert list(times) == ["first", "second", "now"]
    assert times["now"] - times["first"] == timedelta(seconds=3600.5)
    assert times["now"] >= before


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "purchase"}, "kind"),
        ({"seconds_ago": -1}, "seconds_ago"),
        ({"seconds_ago": 1e9}, "seconds_ago"),
        ({"seconds_ago": 1, "at": "2026-03-01T12:00:00Z"}, None),
        ({"position": 0}, "position"),
        ({"position": "1"}, "position"),
        ({"position": 2**70}, "position"),
        ({"position": 1.5}, "position"),
        ({"row": 0}, "row"),
        ({"fold": -1}, "fold"),
        ({"x": 1e9}, "x"),
        ({"session_id": "x" * 129}, "session_id"),
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
def test_a_malformed_event_is_named_by_its_index_and_the_others_are_stored(
    client, library, event, problem, changes, field
):
    told = problem(send(client, event(), event(), event(**changes), event()), 422, "event-refused")
    (error,) = told.errors
    assert error["field"] == "events[2]" + (f".{field}" if field else "")
    assert error["reason"] == "invalid"
    assert (told.stored, told.already_known) == (3, 0)
    assert stored(library) == {"impression": 3}


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("timestamp",), "2026-03-01T12:00:00", "timestamp"),
        (("timestamp",), None, "timestamp"),
        (("timestamp",), "2199-01-01T00:00:00+00:00", "timestamp"),
        (("event_attributes", "position", "ordinal"), 0, "event_attributes.position.ordinal"),
        (("event_attributes", "object", "object_id"), 7, "event_attributes.object.object_id"),
        (("event_attributes",), None, "event_attributes"),
        (("action_name",), "dwell", None),
    ],
)
def test_a_malformed_event_of_user_behavior_insights_is_named_likewise(client, event, problem, path, value, field):
    wrong = ubi(event)
    inside = wrong
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    told = problem(send(client, event(), wrong), 422, "event-refused")
    assert [error["field"] for error in told.errors] == ["events[1]" + (f".{field}" if field else "")]
    assert told.stored == 1


def test_numbers_that_are_not_finite_are_refused(client, library, event):
    for number in ("NaN", "Infinity", "1e999"):
        body = json.dumps({"events": [event(kind="dwell", dwell_seconds=0.5)]}).replace("0.5", number)
        response = client.post("/v1/events", content=body, headers={"content-type": "application/json"})
        assert response.status_code in (400, 422)
        assert stored(library) == {}


def test_a_clock_a_little_ahead_is_forgiven(client, event):
    assert send(client, event(at=(datetime.now(UTC) + timedelta(minutes=2)).isoformat())).json()["stored"] == 1


def test_events_that_do_not_belong_are_refused_with_their_reasons_and_the_others_are_stored(
    client, library, event, shown, problem
):
    batch = [event(kind="click") for _ in range(40)]
    batch[7]["query_id"] = "unknown"
    batch[8]["kind"] = "purchase"
    batch[23]["image_id"] = "0" * 32
    batch[31]["position"] = len(shown[1]) + 1000
    told = problem(send(client, *batch), 422, "event-refused")
    assert [(error["field"], error["reason"]) for error in told.errors] == [
        ("events[7]", "unknown-query"),
        ("events[8].kind", "invalid"),
        ("events[23]", "not-shown"),
        ("events[31]", "beyond-the-list"),
    ]
    assert (told.stored, told.already_known) == (36, 0)
    assert stored(library) == {"click": 36}
    batch[7], batch[8], batch[23], batch[31] = (event() for _ in range(4))
    assert send(client, *batch).json() == {"stored": 4, "already_known": 36}


def test_every_event_that_is_refused_is_listed(client, event, problem):
    told = problem(send(client, *[event(query_id=f"unknown-{n}") for n in range(500)]), 422, "event-refused")
    assert [error["field"] for error in told.errors] == [f"events[{n}]" for n in range(500)]


def test_ten_megabytes_of_events_are_refused_as_a_whole(client, library, event, problem):
    body = json.dumps({"events": [event() for _ in range(70_000)]})
    assert len(body) > 10_000_000
    response = client.post("/v1/events", content=body, headers={"content-type": "application/json"})
    problem(response, 413, "body-too-large")
    assert stored(library) == {}


def test_the_events_of_a_person_are_forgotten(client, library, event):
    send(client, event(user_id="ann"), event(client_id="ann"), event(session_id="bob"), event())
    assert client.delete("/v1/people/ann/events").json() == {"forgotten": 2}
    assert client.delete("/v1/people/ann/events").json() == {"forgotten": 0}
    assert stored(library) == {"impression": 2}


def test_an_image_deleted_meanwhile_does_not_lose_the_batch(client, library, event, shown):
    _, ids = shown
    library.catalog.images.delete(ids[3])
    assert send(client, event(), event(image_id=ids[3], position=4)).json()["stored"] == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid-request"),
        ({"events": []}, "invalid-request"),
        ({"events": {}}, "invalid-request"),
        ({"events": [{}], "more": 1}, "invalid-request"),
        ([], "invalid-request"),
        (None, "invalid-request"),
        ({"events": [None]}, "event-refused"),
        ({"events": [[]]}, "event-refused"),
        ({"events": [{}, 5, "x", True]}, "event-refused"),
    ],
)
def test_batches_are_checked(client, problem, body, code):
    response = client.post("/v1/events", content=json.dumps(body), headers={"content-type": "application/json"})
    problem(response, 422, code)


def test_events_are_counted_by_kind_and_when_they_are_new(client, event):
    batch = [event(kind="click"), event(), event()]
    send(client, *batch)
    send(client, *batch)
    text = client.get("/metrics").text
    assert 'lookalike_events_received_total{kind="click"} 2.0' in text
    assert 'lookalike_events_received_total{kind="impression"} 4.0' in text
    assert "lookalike_events_stored_total 3.0" in text


def test_kinds_are_those_of_the_catalog():
    assert {kind.value for kind in InteractionKind} == {"impression", "click", "dwell", "save", "not_similar"}


def test_other_media_types_are_not_taken(client, problem):
    problem(client.post("/v1/events", data={"events": "x"}), 415, "unsupported-media-type")
