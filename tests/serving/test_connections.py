import time

import httpx

from serving.sockets import HEALTHZ, connected, connection_to, is_problem, read_to_end, sent_and_answered


def test_what_is_not_http_is_refused_as_a_problem(server_of):
    server = server_of()
    for nonsense in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 3 + b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x00" * 40 + b"\r\n\r\n",
    ):
        is_problem(sent_and_answered(server, nonsense), 400, "malformed-request")


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
