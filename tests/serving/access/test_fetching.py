"""Fetching from a server on this machine that plays the public internet."""

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lookalike.errors import UrlRefused
from lookalike.serving.access.fetching import FetchLimits, PictureFetcher
from serving.asking import picture

PUBLIC, PICTURE = "93.184.216.34", b"a picture" * 100
NAMES = {
    "images.example.com": [PUBLIC],
    "inside.example.com": ["10.0.0.7"],
    "both.example.com": [PUBLIC, "127.0.0.1"],
    "mapped.example.com": ["::ffff:127.0.0.1"],
    "nothing.example.com": [],
}


REDIRECTS = {
    "/to-picture": "http://images.example.com/picture",
    "/to-relative": "picture",
    "/to-loopback": "http://127.0.0.1/picture",
    "/to-metadata": "http://169.254.169.254/latest/",
    "/to-inside": "http://inside.example.com/picture",
    "/to-file": "file:///etc/passwd",
    "/to-port": "http://images.example.com:22/",
    "/to-itself": "http://images.example.com/to-itself",
}


class Internet(BaseHTTPRequestHandler):
    """Answers by path."""

    def do_GET(self):
        if self.path in REDIRECTS:
            self.send_response(302)
            self.send_header("Location", REDIRECTS[self.path])
            self.end_headers()
        elif self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            while not self.server.is_over.wait(0.05):
                self.wfile.write(b"x")
        elif self.path == "/slow-head":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not self.server.is_over.wait(0.05):
                self.wfile.write(b"x")
        else:
            self._send()

    def _send(self):
        self.send_response(404 if self.path == "/missing" else 200)
        headers = {
            "/declared": ("Content-Length", str(10**12)),
            "/packed": ("Content-Encoding", "gzip"),
            "/short": ("Content-Length", str(len(PICTURE) + 1)),
        }
        if self.path in headers:
            self.send_header(*headers[self.path])
        self.end_headers()
        self.wfile.write(PICTURE * (1000 if self.path == "/large" else 1))

    def log_message(self, *_):
        pass

    def handle(self):
        with contextlib.suppress(OSError):  # the client has seen enough
            super().handle()


@pytest.fixture(scope="module")
def internet():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Internet)
    server.is_over, server.daemon_threads = threading.Event(), True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_address[1]
    server.is_over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def fetcher(internet):
    """Remembers what it connected to."""
    dialled = []

    def dial(address, port, seconds):
        dialled.append((address, port))
        return socket.create_connection(("127.0.0.1", internet), timeout=seconds)

    made = PictureFetcher(FetchLimits(most_bytes=10_000, seconds=1.0), resolve=lambda name, _: NAMES[name], dial=dial)
    made.dialled = dialled
    return made


@pytest.mark.parametrize("path", ["picture", "to-picture", "to-relative"])
def test_a_picture_is_fetched_from_the_address_that_was_checked(fetcher, path):
    assert fetcher.fetch(f"http://images.example.com/{path}") == PICTURE
    assert set(fetcher.dialled) == {(PUBLIC, 80)}


@pytest.mark.parametrize("host", ["inside", "both", "mapped", "nothing"])
def test_a_name_is_refused_if_any_of_its_addresses_is_not_public(fetcher, host):
    with pytest.raises(UrlRefused):
        fetcher.fetch(f"http://{host}.example.com/picture")
    assert fetcher.dialled == []


@pytest.mark.parametrize("path", ["to-loopback", "to-metadata", "to-inside", "to-file", "to-port", "to-itself"])
def test_a_redirect_is_checked_as_the_first_url_is(fetcher, path):
    with pytest.raises(UrlRefused):
        fetcher.fetch(f"http://images.example.com/{path}")
    assert set(fetcher.dialled) == {(PUBLIC, 80)}
    assert len(fetcher.dialled) <= 4


@pytest.mark.parametrize("path", ["missing", "declared", "packed", "short", "large"])
def test_what_is_no_whole_answer_within_the_limits_is_refused(fetcher, path):
    with pytest.raises(UrlRefused) as refusal:
        fetcher.fetch(f"http://images.example.com/{path}")
    assert PUBLIC not in str(refusal.value)


@pytest.mark.parametrize("path", ["slow", "slow-head"])
def test_a_server_that_drips_is_cut_off_when_the_time_is_over(fetcher, path):
    with pytest.raises(UrlRefused, match="in time"):
        fetcher.fetch(f"http://images.example.com/{path}")
    assert fetcher.dialled == [(PUBLIC, 80)]


def test_by_default_no_url_is_fetched(client, images, problem):
    refused = client.post("/v1/search", json={"image_url": "http://images.example.com/picture"})
    assert "fetches no pictures" in problem(refused, 422, "url-refused").detail
    problem(client.post("/v1/images", json={"image_url": "http://images.example.com/a"}), 422, "url-refused")


def test_where_it_is_on_a_url_is_searched_with_and_uploaded(client_of, images, fetcher, problem, monkeypatch):
    client = client_of(picture_urls=True)
    problem(client.post("/v1/search", json={"image_url": "http://127.0.0.1:8420/"}), 422, "url-refused")
    monkeypatch.setattr(PictureFetcher, "fetch", lambda *_: picture(3))
    found = client.post("/v1/search", json={"image_url": "https://images.example.com/3.jpg", "limit": 1}).json()
    assert [hit["image"]["id"] for hit in found["hits"]] == [images[3]]
    uploaded = client.post("/v1/images", json={"image_url": "https://images.example.com/3.jpg"})
    assert (uploaded.status_code, uploaded.json()["id"]) == (200, images[3])
    two = {"image_url": "https://images.example.com/3.jpg", "image_id": images[0]}
    assert client.post("/v1/search", json=two).status_code == 422
