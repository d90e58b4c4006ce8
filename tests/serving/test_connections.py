import contextlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from lookalike.serving.connections import ConnectionLimits, OpenConnections
from pictures import jpeg_bytes, photo, png_bytes
from serving.sockets import (
    HEALTHZ,
    answer_from,
    connected,
    connection_to,
    is_problem,
    read_to_end,
    sent_and_answered,
    wait_until,
)


def test_what_is_not_http_is_refused_as_a_problem(server_of):
    server = server_of()
    for nonsense in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 3 + b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x00" * 40 + b"\r\n\r\n",
    ):
        is_problem(sent_and_answered(server, nonsense), 400, "malformed-request")


def test_whoever_only_makes_mistakes_has_to_wait_for_each_answer(server_of):
    server, began = server_of(), time.monotonic()
    for _ in range(3):
        is_problem(sent_and_answered(server, b"nonsense\r\n\r\n"), 400, "malformed-request")
    assert time.monotonic() - began >= 3 * 0.1


def test_a_slow_head_ends_with_its_time(server_of):
    server = server_of(header_seconds=2.0)
    with connected(server) as opened:
        opened.sendall(b"GET /healthz HTTP/1.1\r\nHost: loc")
        assert opened.recv(100) == b""
    with connected(server) as opened:
        assert opened.recv(100) == b""
    with httpx.Client(base_url=server.url, timeout=60) as client:
        assert client.get("/healthz").status_code == 200
        time.sleep(2.5)
        assert client.get("/healthz").status_code == 200


def test_a_later_head_has_to_come_in_time_too(server_of):
    server = server_of(header_seconds=0.5, keep_alive_seconds=3600)
    with connection_to(server) as connection:
        connection.sendall(HEALTHZ + HEALTHZ[:20])
        assert read_to_end(connection).count(b"200 OK") == 1


def test_a_connection_may_lie_idle_longer_than_a_head_may_take(server_of):
    server = server_of(header_seconds=2, keep_alive_seconds=3600)
    with connection_to(server) as connection, connection.makefile("rb") as received:
        for _ in range(2):
            connection.sendall(HEALTHZ)
            assert b"200 OK" in b"".join(iter(received.readline, b"\r\n"))
            received.read(len(b'{"status":"alive"}'))
            time.sleep(2.5)


def chunked(pieces, size=1):
    head = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    return head + (b"%x\r\n" % size + b" " * size + b"\r\n") * pieces + b"0\r\n\r\n"


def test_a_body_of_many_small_pieces_is_refused(server_of):
    server = server_of()
    is_problem(sent_and_answered(server, chunked(5000)), 400, "malformed-request")
    for received in (chunked(1000), chunked(5000, size=150)):
        status, _, body = sent_and_answered(server, received)
        assert (status, b"JSON" in body) == (400, True)  # blanks are no JSON


def test_chunks_with_long_extensions_are_refused(server_of):
    long = b"1;" + b"a" * 300_000 + b"\r\n \r\n"
    request = chunked(0).removesuffix(b"0\r\n\r\n")
    is_problem(sent_and_answered(server_of(), request, long, pause=0.1), 400, "malformed-request")


@pytest.mark.parametrize(
    "headers",
    [b"", b"Host: localhost\r\nHost: localhost\r\n", b"Host: localhost\r\n" + b"A: b\r\n" * 300],
    ids=["no host", "two hosts", "300 headers"],
)
def test_heads_that_proxies_could_read_in_another_way_are_refused(server_of, headers):
    request = b"GET /healthz HTTP/1.1\r\n" + headers + b"\r\n"
    is_problem(sent_and_answered(server_of(), request), 400, "malformed-request")


def test_a_head_that_never_ends_is_refused_by_its_length(server_of):
    head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: "
    is_problem(sent_and_answered(server_of(), head, *[b"a" * 17_000] * 4, pause=0.05), 400, "malformed-request")


def test_empty_lines_do_not_keep_a_connection_open(server_of):
    server = server_of(header_seconds=0.5, keep_alive_seconds=3600)
    with connection_to(server) as connection:
        connection.sendall(HEALTHZ)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        wait_until(lambda: is_closed_after(connection, b"\r\n"))


def is_closed_after(connection, sent):
    try:
        connection.sendall(sent)
        connection.settimeout(0.05)
        return connection.recv(65536) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_an_idle_connection_makes_room_for_a_new_one(server_of):
    server = server_of(max_connections=3, keep_alive_seconds=3600)
    with contextlib.ExitStack() as opened:
        old = [opened.enter_context(connection_to(server)) for _ in range(3)]
        for connection in old:
            connection.sendall(HEALTHZ)
            assert answer_from(connection)[0] == 200
        assert httpx.get(f"{server.url}healthz", timeout=60).status_code == 200
        assert is_closed_after(old[0], b"")  # it was idle for longest
        old[2].sendall(HEALTHZ)
        assert answer_from(old[2])[0] == 200


def test_connections_that_work_are_not_closed_for_a_new_one(server_of, library, images):
    server = server_of(max_connections=1)
    library.encoder.may_run.clear()
    library.encoder.entered.clear()
    with ThreadPoolExecutor(1) as pool:
        files = {"image": ("a.jpg", jpeg_bytes(photo(seed=1)))}
        working = pool.submit(lambda: httpx.post(f"{server.url}v1/search", timeout=60, files=files))
        wait_until(lambda: any(not one.is_idle for one in server._uvicorn.server_state.connections))
        with connection_to(server) as refused:
            assert b"503 Service Unavailable" in read_to_end(refused)
        library.encoder.may_run.set()
        assert working.result().status_code == 200


def test_a_client_that_reads_nothing_of_its_answer_is_cut_off(server_of, library):
    content = png_bytes(photo(seed=1, width=64, height=64)) + os.urandom(12_000_000)
    image, _ = library.indexer.add_upload(content, name="a.png")
    server = server_of(write_seconds=0.5)
    with connection_to(server) as connection:
        connection.sendall(f"GET /v1/images/{image.id}/content HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        wait_until(lambda: server._uvicorn.server_state.connections)
        wait_until(lambda: not server._uvicorn.server_state.connections)


class Busy:
    """A connection that is never idle."""

    is_idle = False

    def __init__(self, address, loop):
        self.client = (address, 1)
        self.loop = loop


@pytest.mark.parametrize(("many", "taken"), [(lambda _: False, [True, True, False]), (lambda _: True, [True] * 3)])
def test_one_client_has_a_share_of_the_connections(many, taken):
    counted = OpenConnections(ConnectionLimits(most=10, most_of_client=2, many=many))
    loop = SimpleNamespace(call_later=lambda *_: SimpleNamespace(cancel=lambda: None))
    connection: Any = Busy
    assert [counted.add(connection("192.0.2.7", loop)) for _ in range(3)] == taken
    assert counted.add(connection("192.0.2.8", loop))


def test_pipelined_requests_are_answered_in_order_up_to_a_number(server_of):
    server = server_of()
    last = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with connection_to(server) as connection:
        connection.sendall(HEALTHZ * 100 + last)
        received = read_to_end(connection)
    assert (received.count(b"200 OK"), received.count(b"404 Not Found")) == (100, 1)
    assert received.rindex(b"404 Not Found") > received.rindex(b"200 OK")
    with connection_to(server) as connection:
        connection.sendall(HEALTHZ * 1000)
        received = read_to_end(connection)
    assert 100 < received.count(b"200 OK") < 200
    assert b"malformed-request" in received


def test_a_request_on_its_way_when_the_server_ends_is_answered(server_of):
    server = server_of()
    with connection_to(server) as new, connection_to(server) as used:
        used.sendall(HEALTHZ)
        assert answer_from(used)[0] == 200
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        wait_until(lambda: is_refused(server))
        for connection in (new, used):
            connection.sendall(HEALTHZ)
            status, headers, _ = answer_from(connection)
            assert (status, headers["connection"]) == (200, "close")
        stopping.join()


def is_refused(server):
    try:
        connection_to(server).close()
    except ConnectionRefusedError:
        return True
    return False


def test_an_answer_is_sent_in_one_piece(server_of):
    with connection_to(server_of()) as connection:
        for _ in range(5):
            connection.sendall(HEALTHZ)
            received = connection.recv(65536)
            assert received.startswith(b"HTTP/1.1 200 OK")
            assert received.endswith(b'{"status":"alive"}')


def test_an_upgrade_that_we_have_not_is_answered_as_if_it_was_not_asked_for(server_of):
    upgrade = HEALTHZ.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    last = HEALTHZ.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with connection_to(server_of()) as connection:
        connection.sendall(upgrade + last)
        assert read_to_end(connection).count(b"200 OK") == 2
