"""Requests that no HTTP client would send, over a socket."""

import json
import socket
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

MIB = 1024 * 1024
HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextmanager
def connected(server, seconds=120):
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=seconds) as opened:
        yield opened


def sent_and_answered(server, *pieces, pause=0.0):
    """Send raw bytes, then read one answer: status, headers and body."""
    with connected(server) as opened:
        for piece in pieces:
            opened.sendall(piece)
            time.sleep(pause)
        return answer_from(opened)


def answer_from(opened):
    with opened.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        headers = {}
        while line := stream.readline().strip().decode("latin-1"):
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        return status, headers, stream.read(int(headers["content-length"]))


def is_problem(answer, status, code):
    got, headers, body = answer
    assert (got, headers["content-type"]) == (status, "application/problem+json"), body
    assert json.loads(body)["type"] == f"urn:lookalike:problem:{code}"
    return json.loads(body)


def wait_until(true, seconds=60):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def connection_to(server):
    address = httpx.URL(server.url)
    return socket.create_connection((address.host, address.port), timeout=60)


def read_to_end(connection):
    """Until the server closes."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received
