import contextlib
import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.serving.limits import Pace, Room
from lookalike.serving.problems import Refused
from pictures import jpeg_bytes, photo
from serving.sockets import MIB, answer_from, connected, is_problem, sent_and_answered, wait_until


def head(method="POST", path="/v1/search", **headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def test_a_body_of_100_mb_is_refused_and_the_refusal_arrives(server_of, images):
    """The client sends everything before it reads, as most do."""
    server = server_of()
    body = b"\xff\xd8\xff" + bytes(100 * MIB)
    with httpx.Client(base_url=server.url, timeout=60) as client:
        response = client.post("/v1/search", files={"image": ("big.jpg", body, "image/jpeg")})
        assert (response.status_code, response.headers["content-type"]) == (413, "application/problem+json")
        assert client.post("/v1/search", json={"image_id": images[0]}).status_code == 200


def test_a_body_of_100_mb_in_chunks_is_counted_while_it_comes(server_of):
    server = server_of()
    boundary = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'

    def chunks():
        yield boundary
        for _ in range(100):
            yield bytes(MIB)

    headers = {"content-type": "multipart/form-data; boundary=b"}
    with httpx.Client(base_url=server.url, timeout=60) as client:
        response = client.post("/v1/search", content=chunks(), headers=headers)
        assert (response.status_code, response.json()["type"]) == (413, "urn:lookalike:problem:body-too-large")


def test_a_large_length_is_refused_before_the_body_is_sent(server_of):
    server = server_of()
    answer = sent_and_answered(
        server, head(Content_Length=100 * MIB, Content_Type="application/json", Expect="100-continue"), b""
    )
    # the client would now end the connection; ours waits for it a little, having answered
    is_problem(answer, 413, "body-too-large")
    assert answer[1]["connection"] == "close"


def test_a_body_longer_than_it_said_is_cut_where_it_said(server_of, images):
    server = server_of()
    body = json.dumps({"image_id": images[0]}).encode()
    with connected(server) as opened:
        opened.sendall(
            head(Content_Length=len(body), Content_Type="application/json") + body + b"more than said\r\n\r\n"
        )
        received = b""
        while chunk := opened.recv(65536):
            received += chunk
    assert received.startswith(b"HTTP/1.1 200 OK")
    assert b"HTTP/1.1 400 Bad Request" in received
    assert b"urn:lookalike:problem:malformed-request" in received


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: -5\r\n",
        b"Content-Length: many\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\nContent-Length: 4\r\n",
    ],
)
def test_impossible_framing_is_refused(server_of, framing):
    server = server_of()
    request = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + framing + b"\r\n"
    status, headers, body = sent_and_answered(server, request + b"zz\r\n\r\n")
    assert status in (400, 501), body
    assert headers["content-type"] == "application/problem+json"


def test_broken_chunks_are_refused_and_the_server_lives_on(server_of):
    server = server_of()
    request = head(Transfer_Encoding="chunked", Content_Type="application/json")
    status, _, _ = sent_and_answered(server, request + b"not-a-length\r\nxx\r\n0\r\n\r\n")
    assert status == 400
    assert httpx.get(f"{server.url}healthz", timeout=60).status_code == 200


def test_a_slow_body_ends_with_its_time(server_of):
    server = server_of(body_seconds=1.0)
    answer = sent_and_answered(
        server, head(Content_Length=1000, Content_Type="application/json"), *[b" "] * 4, pause=0.4
    )
    is_problem(answer, 408, "body-timeout")


def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(server_of, images, caplog):
    server = server_of(max_waiting=0, workers=1)
    for _ in range(4):
        with connected(server) as opened:
            opened.sendall(head(Content_Length=100_000, Content_Type="multipart/form-data; boundary=b") + b"--b\r\n")
    files = {"image": ("a.jpg", jpeg_bytes(photo(seed=0)))}
    wait_until(lambda: httpx.post(f"{server.url}v1/search", files=files, timeout=60).status_code == 200)
    assert "incident" not in caplog.text
    assert "Traceback" not in caplog.text


def test_an_early_answer_to_a_large_body_arrives(server_of):
    """The address is unknown: the answer is ready long before the body is here."""
    server = server_of()
    with httpx.Client(base_url=server.url, timeout=60) as client:
        for _ in range(2):
            response = client.post("/v1/nothing", content=bytes(30 * MIB))
            assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")


def test_long_addresses_are_refused(client, server_of, problem):
    problem(client.get("/v1/images?cursor=" + "x" * 9000), 414, "url-too-long")
    answer = sent_and_answered(server_of(), head("GET", "/v1/images?tag=" + "x" * 20_000))
    is_problem(answer, 414, "url-too-long")
    status, _, _ = sent_and_answered(server_of(), head("GET", "/" + "x" * 100_000))
    assert status in (400, 414)


def test_a_picture_over_the_limit_is_413(client_of, library, images, problem):
    client = client_of(max_body_bytes=20_000)
    noisy = jpeg_bytes(photo(width=1600, height=1200, seed=1), quality=100)
    assert len(noisy) > 20_000
    problem(client.search(noisy), 413, "body-too-large")


@pytest.mark.parametrize("kind", ["fields", "files", "one large field"])
def test_forms_are_bounded(client, images, problem, kind):
    if kind == "fields":
        response = client.search(b"", **{f"field{n}": "x" for n in range(100)})
    elif kind == "files":
        response = client.post("/v1/search", files=[("image", (f"{n}.jpg", b"x")) for n in range(100)])
    else:
        response = client.search(b"", crop="x" * 200_000)
    problem(response, 400, "malformed-request")


def test_a_body_that_stops_coming_ends_sooner(server_of):
    server = server_of(body_idle_seconds=0.3)
    answer = sent_and_answered(server, head(Content_Length=1000, Content_Type="application/json"), b" ")
    assert "stopped coming" in is_problem(answer, 408, "body-timeout")["detail"]


def test_large_bodies_share_room_that_small_ones_do_not_need(server_of, images):
    server = server_of(max_received_bytes=4 * MIB)
    large = head(Content_Length=3 * MIB, Content_Type="image/jpeg") + b"\xff\xd8\xff" + bytes(3 * MIB - 100)
    with connected(server) as slow:
        slow.sendall(large)
        assert httpx.post(f"{server.url}v1/search", json={"image_id": images[0]}, timeout=60).status_code == 200
        sent = {"image": ("a.jpg", jpeg_bytes(photo(seed=0)) + bytes(3 * MIB))}
        refused = httpx.post(f"{server.url}v1/search", files=sent, timeout=60)
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:lookalike:problem:busy")
        slow.sendall(bytes(97))
        assert answer_from(slow)[0] in (415, 422)
    assert httpx.post(f"{server.url}v1/search", files=sent, timeout=60).status_code == 200


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 900 * 1024)), max_size=30))
def test_room_is_given_back_and_one_client_has_half_of_it(requests):
    room, most, taken = Room(2 * MIB), 2 * MIB, []
    for client, count in requests:
        with contextlib.suppress(Refused):
            room.take(count, client=client, of_request=count)
            taken.append((client, count))
    beyond = 256 * 1024  # always taken
    large = [(client, count) for client, count in taken if count > beyond]
    assert sum(count for _, count in large) <= most
    assert all(sum(count for one, count in large if one == client) <= most // 2 for client in "abc")
    for client, count in taken:
        room.give_back(count, client=client)
    assert room.taken == 0
    room.take(most // 2, client="a", of_request=most // 2)


def test_large_bodies_together_are_received_at_a_pace():
    now = [100.0]
    pace = Pace(1000, clock=lambda: now[0])
    assert pace.pause_after(100) == pytest.approx(0.1)
    assert pace.pause_after(300) == pytest.approx(0.4)  # another request waits behind the first
    now[0] += 0.3
    assert pace.pause_after(100) == pytest.approx(0.2)
    now[0] += 60.0  # time that nobody used is not saved up
    assert pace.pause_after(100) == pytest.approx(0.1)
