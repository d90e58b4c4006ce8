import json
import socket
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import pytest

from lookalike.serving import gates
from lookalike.serving.early import EarlyRefusals
from lookalike.serving.gates import Gate
from serving.sockets import HEALTHZ, answer_from, connected, is_problem

PICTURE = ((b"content-type", b"image/jpeg"), (b"content-length", b"1000"))


@pytest.fixture
def full():
    """A gate without any place."""
    gate = Gate("model", workers=1, waiting=0)
    with gate.place():
        yield gate


@contextmanager
def filled(server, *, kind="_gates"):
    """The gate of the model, or the one of searches that need no model, while every place is taken."""
    gate = getattr(server._uvicorn.config.app.state.early_refusals, kind)[b"/v1/search"]
    with ExitStack() as taken:
        while gate.has_place:
            taken.enter_context(gate.place())
        yield gate


def test_what_would_find_no_place_is_refused_and_counted(full):
    told = []
    early = EarlyRefusals({b"/v1/search": full}, {}, lambda path, status, _seconds: told.append((path, status)))
    refusal = early.refusal(b"POST", b"/v1/search", PICTURE, received=2000)
    assert (refusal.code, refusal.status) == ("busy", 503)
    assert refusal.headers["Retry-After"] == "1"
    assert told == [("/v1/search", 503)]
    assert full.refusals == 1


def test_where_there_is_a_place_nothing_is_refused():
    early = EarlyRefusals({b"/v1/search": Gate("model", workers=1, waiting=0)}, {}, lambda *_: None)
    assert early.refusal(b"POST", b"/v1/search", PICTURE, received=2000) is None


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        (b"GET", b"/v1/search", PICTURE),
        (b"POST", b"/v1/events", PICTURE),
        (b"POST", b"/v1/search", ((b"content-type", b"application/json"), (b"content-length", b"40"))),
        (b"POST", b"/v1/search", (*PICTURE, (b"expect", b"100-continue"))),
        (b"POST", b"/v1/search", ((b"content-type", b"image/jpeg"), (b"transfer-encoding", b"chunked"))),
        (b"POST", b"/v1/search", ((b"content-type", b"image/jpeg"), (b"content-length", b"99999999"))),
        (b"POST", b"/v1/search", ((b"content-type", b"image/jpeg"), (b"content-length", "²".encode("latin-1")))),
    ],
)
def test_what_needs_no_model_or_cannot_be_skipped_goes_the_usual_way(full, method, path, headers):
    assert (
        EarlyRefusals({b"/v1/search": full}, {}, lambda *_: None).refusal(method, path, headers, received=2000) is None
    )


@pytest.mark.parametrize(("other_sites", "is_refused"), [(False, True), (True, False)])
def test_an_answer_to_another_site_is_made_where_its_headers_are_known(full, other_sites, is_refused):
    early = EarlyRefusals({b"/v1/search": full}, {}, lambda *_: None, other_sites=other_sites)
    refusal = early.refusal(b"POST", b"/v1/search", (*PICTURE, (b"origin", b"https://shop.example")), received=2000)
    assert (refusal is not None) is is_refused


def test_a_little_json_needs_a_place_among_searches_and_much_of_it_may_ask_for_anything(full):
    free = Gate("searching", workers=1, waiting=0)
    for model, searching, is_refused in ((full, free, False), (free, full, True)):
        early = EarlyRefusals({b"/v1/search": model}, {b"/v1/search": searching}, lambda *_: None)
        little, much = (
            early.refusal(b"POST", b"/v1/search", ((b"content-type", b"application/json"), length), received=200)
            for length in ((b"content-length", b"40"), (b"content-length", b"4000"))
        )
        assert (little is not None, much) == (is_refused, None)


def test_searches_by_id_that_find_no_place_are_refused_from_their_heads(server_of, images):
    server = server_of()
    asked = json.dumps({"image_id": images[0]}).encode()
    head = (
        f"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(asked)}"
    )
    with filled(server, kind="_json_gates"), connected(server) as opened:
        opened.sendall(head.encode() + b"\r\n\r\n")
        is_problem(answer_from(opened), 503, "busy")  # before the body
    with connected(server) as opened:
        opened.sendall(head.encode() + b"\r\n\r\n" + asked)
        assert answer_from(opened)[0] == 200


def test_the_connection_goes_on_behind_a_body_that_was_skipped(server_of):
    server = server_of(max_waiting=0)
    head = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: 300000\r\n\r\n"
    with filled(server) as gate, connected(server) as opened:
        before = gate.refusals
        for _ in range(3):
            opened.sendall(head)
            is_problem(answer_from(opened), 503, "busy")  # before the body
            opened.sendall(bytes(300_000))
            opened.sendall(HEALTHZ)
            status, _, body = answer_from(opened)
            assert (status, json.loads(body)["status"]) == (200, "alive")
    assert gate.refusals == before + 3


def test_early_refusals_are_in_the_metrics(server_of):
    server = server_of(max_waiting=0)
    head = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: 4\r\n\r\n"
    with filled(server), connected(server) as opened:
        opened.sendall(head + b"abcd")
        assert answer_from(opened)[0] == 503
        opened.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        text = answer_from(opened)[2].decode()
    assert 'lookalike_http_requests_total{method="POST",route="/v1/search",status="503"} 1.0' in text
    assert 'lookalike_queue_refusals_total{queue="model"} 1.0' in text


def test_a_client_that_leaves_in_a_skipped_body_harms_nobody(server_of):
    server = server_of(max_waiting=0)
    head = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: 300000\r\n\r\n"
    with filled(server):
        with connected(server) as opened:
            opened.sendall(head + bytes(1000))
            assert answer_from(opened)[0] == 503
            opened.shutdown(socket.SHUT_RDWR)
        with connected(server) as opened:
            opened.sendall(HEALTHZ)
            assert answer_from(opened)[0] == 200


def test_as_many_are_let_in_at_once_as_there_are_places():
    """Their bodies come later than their heads: whoever found no place then would have been received for nothing."""
    gate = Gate("model", workers=1, waiting=1)
    early = EarlyRefusals({b"/v1/search": gate}, {}, lambda *_: None)
    with gate.place():
        told = [early.refusal(b"POST", b"/v1/search", PICTURE, received=2000) for _ in range(3)]
        assert [refusal is None for refusal in told] == [True, False, False]
    with gate.place(), gate.place():
        assert early.refusal(b"POST", b"/v1/search", PICTURE, received=2000) is not None
    assert early.refusal(b"POST", b"/v1/search", PICTURE, received=2000) is None


def test_bodies_that_do_not_come_keep_others_out_for_a_moment_only(monkeypatch):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(gates, "time", SimpleNamespace(monotonic=lambda: clock.now))
    gate = Gate("model", workers=1, waiting=1)
    assert [gate.expects_one_more(is_whole=False) for _ in range(3)] == [True] * 3  # nothing runs yet
    assert gate.expects_one_more(is_whole=True)
    clock.now += 0.11
    with gate.place():
        assert gate.expects_one_more(is_whole=False)
        assert not gate.expects_one_more(is_whole=True)
        clock.now += 0.11
        assert gate.expects_one_more(is_whole=True)


def test_no_more_whole_requests_are_on_their_way_than_there_are_places():
    gate = Gate("model", workers=1, waiting=1)
    early = EarlyRefusals({b"/v1/search": gate}, {}, lambda *_: None)
    told = [early.refusal(b"POST", b"/v1/search", PICTURE, received=received) for received in (1100, 1100, 1100, 200)]
    assert [refusal is None for refusal in told] == [True, True, False, False]
