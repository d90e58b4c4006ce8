"""Two `lookalike serve` processes on one library, behind a proxy that gives each request to the other one."""

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from doubles import picture
from lookalike.catalog import Catalog
from lookalike.embedding import import_model
from parts import write_pictures
from tiny_model import write_tiny_model

_FIRST, _FURTHER = 120, 400  # pictures


class Proxy:
    """Sends each request to the next of several servers."""

    def __init__(self, servers):
        turns, upstream = itertools.cycle(servers), httpx.Client(timeout=60)

        class Forwarding(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {"Content-Type": self.headers.get("Content-Type", "application/json")}
                answer = upstream.request(self.command, next(turns) + self.path, content=body, headers=headers)
                self.send_response(answer.status_code)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            do_GET = do_POST = forward  # noqa: N815 - the names that http.server looks for

            def log_message(self, *_):
                pass

        self._upstream = upstream
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Forwarding)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *fault):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._upstream.close()


class Workers:
    """A library, and the processes that serve it and index into it."""

    def __init__(self, folder, url):
        self.folder, self.url = folder, url
        import_model(write_tiny_model(folder / "tiny"), models=folder / "models")
        self.processes = []
        self.log = (folder / "log").open("ab")

    def start(self, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "lookalike", *map(str, arguments)],
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(self.folder),
                "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
                "LOOKALIKE_LIBRARY": str(self.folder / "library"),
                "LOOKALIKE_CATALOG_URL": self.url,
                "LOOKALIKE_MODELS": str(self.folder / "models"),
                "LOOKALIKE_MODEL": "tiny",
                "COLUMNS": "300",
            },
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.processes.append(process)
        return process

    def index(self, photos):
        assert self.start("index", photos).wait(120) == 0, (self.folder / "log").read_text()

    def serve(self):
        """The address of one more server, which is ready."""
        address = re.search(r"http://\S+?:\d+", self.start("serve", "--port", 0).stdout.readline())
        assert address is not None, (self.folder / "log").read_text()
        url = address[0]
        deadline = time.monotonic() + 60
        while httpx.get(f"{url}/readyz").status_code != 200:
            assert time.monotonic() < deadline, httpx.get(f"{url}/readyz").text
            time.sleep(0.05)
        return url

    def clicks(self):
        with Catalog.open(self.url, originals=self.folder / "library" / "originals") as catalog:
            return catalog.counts().interactions["click"]

    def __enter__(self):
        return self

    def __exit__(self, *fault):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(60)
            process.stdout.close()
        self.log.close()


class Visitor:
    """Somebody who searches, clicks on the last hit and asks for the next page; every request must succeed."""

    def __init__(self, client):
        self._client = client
        self.clicks = 0
        self.cursors = []

    def visit(self, seed, *, page_first):
        """One search, its event and its next page in either order: each at another worker than the one before."""
        found = self._post("/v1/search", files={"image": ("query.png", picture(seed))}, data={"limit": "5"})
        last = found["hits"][-1]
        self.cursors.append(found["next_cursor"])
        if page_first:
            last = self.page(found["next_cursor"])["hits"][-1]
        event = {
            "event_id": f"{found['query_id']}-click",
            "query_id": found["query_id"],
            "image_id": last["image"]["id"],
            "position": last["rank"],
            "kind": "click",
        }
        assert self._post("/v1/events", json={"events": [event]}) == {"stored": 1, "already_known": 0}
        self.clicks += 1
        if not page_first:
            self.page(found["next_cursor"])

    def page(self, cursor):
        found = self._post("/v1/search", json={"cursor": cursor})
        assert [hit["rank"] for hit in found["hits"]] == [6, 7, 8, 9, 10]
        return found

    def _post(self, path, **body):
        answer = self._client.post(path, **body)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json()


@pytest.mark.timeout(600)
def test_workers_answer_pages_and_events_of_each_others_queries(tmp_path, new_url):
    with Workers(tmp_path, new_url()) as workers:
        workers.index(write_pictures(tmp_path / "photos", range(_FIRST)))
        with (
            Proxy([workers.serve(), workers.serve()]) as proxy,
            httpx.Client(base_url=proxy.url, timeout=60) as client,
        ):
            visitor = Visitor(client)
            for seed in range(20):
                visitor.visit(seed, page_first=seed % 2 == 0)
            asked_before = list(visitor.cursors)
            indexing = workers.start("index", write_pictures(tmp_path / "further", range(1000, 1000 + _FURTHER)))
            visits = 0
            while indexing.poll() is None or visits < 20:
                visitor.visit(visits % _FIRST, page_first=visits % 2 == 0)
                visits += 1
            assert indexing.returncode == 0, (tmp_path / "log").read_text()
            for cursor in asked_before:  # the index was published anew since
                visitor.page(cursor)
                visitor.page(cursor)
        assert workers.clicks() == visitor.clicks
