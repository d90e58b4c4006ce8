"""How a server behaves under load: an open loop, in which requests come whether or not earlier ones were answered.

Requests come at random (a Poisson process), and a latency counts from the moment at which the request should have
been sent, so that a slow server cannot hide its queue. Client and server share this machine's cores.

- peak: answers a second with 1 to 8 clients that ask without a pause, as a share of what the model makes of the same
  photos in the same run: decoding and running it, and running it alone, in as many threads as there are cores.
- knee: the highest rate at which fewer than 1 % are refused and the 99th percentile is below a second.
- steps: 0.5 to 10 times that rate: goodput (answers within ten times the latency without load), latencies of what was
  accepted, how soon the others are refused, memory, and how soon a lone search is as quick as before.
- beside: searches by id, while others load the server with one kind of request; at most three times the quiet p99 is
  wanted.

Called by `benchmarks/serving.py load`.
"""

import asyncio
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

from lookalike.embedding import open_encoder
from lookalike.preprocessing import prepare

STEPS = (0.5, 0.9, 1, 2, 5, 10)


def post(path: str, content: bytes, kind: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def by_id(image_id: str) -> bytes:
    return post("/v1/search", json.dumps({"image_id": image_id, "limit": 30}).encode(), "application/json")


@dataclass
class Connections:
    """Kept connections to one server."""

    port: int
    free: list = field(default_factory=list)

    async def ask(self, request: bytes, seconds: float = 30) -> tuple[int, bytes]:
        """Status and body; -1 for a connection that ended, -2 for no answer in time."""
        for attempt in (0, 1):
            try:
                return await asyncio.wait_for(self._once(request, fresh=attempt == 1), seconds)
            except (asyncio.IncompleteReadError, ConnectionError):
                continue
            except TimeoutError:
                return -2, b""
        return -1, b""

    async def _once(self, request: bytes, *, fresh: bool) -> tuple[int, bytes]:
        kept = self.free.pop() if self.free and not fresh else await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = kept
        writer.write(request)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1])) if length else b""
        if b"connection: close" in head.lower():
            writer.close()
        else:
            self.free.append(kept)
        return int(head[9:12]), body

    def close(self) -> None:
        for _, writer in self.free:
            writer.close()


@dataclass(frozen=True)
class Asked:
    """One request: when it should have been sent, seconds until its answer, and the status."""

    due: float
    seconds: float
    status: int


async def open_loop(port: int, requests: list[bytes], *, rate: float, seconds: float, seed: int = 0) -> list[Asked]:
    """Poisson arrivals at that rate a second."""
    rng, connections, asked, running = random.Random(seed), Connections(port), [], set()
    start = time.perf_counter() + 0.05
    due, number = start, 0

    async def one(request: bytes, due: float) -> None:
        status, _ = await connections.ask(request)
        asked.append(Asked(due - start, time.perf_counter() - due, status))

    while due < start + seconds:
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        task = asyncio.create_task(one(requests[number % len(requests)], due))
        running.add(task)
        task.add_done_callback(running.discard)
        number, due = number + 1, due + rng.expovariate(rate)
    if running:
        await asyncio.wait(running, timeout=40)
    connections.close()
    return asked


async def closed_loop(port: int, requests: list[bytes], *, clients: int, seconds: float) -> dict:
    """Clients that ask without a pause."""
    connections, latencies, statuses = Connections(port), [], Counter()
    end = time.perf_counter() + seconds

    async def client(number: int) -> None:
        while time.perf_counter() < end:
            began = time.perf_counter()
            status, _ = await connections.ask(requests[number % len(requests)])
            latencies.append(time.perf_counter() - began)
            statuses[status] += 1
            number += clients

    await asyncio.gather(*(client(number) for number in range(clients)))
    connections.close()
    return {"a second": round(statuses[200] / seconds, 1), **quantiles(latencies), "statuses": dict(statuses)}


def quantiles(seconds: list[float]) -> dict:
    ordered = sorted(seconds)
    if not ordered:
        return {"p50 ms": None, "p99 ms": None}
    return {f"p{p} ms": round(ordered[min(len(ordered) * p // 100, len(ordered) - 1)] * 1000, 1) for p in (50, 99)}


def raw_rates(model: str, models: Path, pictures: list[bytes], seconds: float) -> dict:
    """What the model makes of the same photos without HTTP, in as many threads as there are cores, a second."""
    with open_encoder(model, models=models, mode="throughput") as encoder:
        rows = [prepare(content, encoder.preprocessing, name="photo").rows for content in pictures[:50]]
        threads = len(os.sched_getaffinity(0))

        def rate(work: Callable[[int], object]) -> float:
            counts, end = [0] * threads, time.perf_counter() + seconds

            def repeat(number: int) -> None:
                while time.perf_counter() < end:
                    work(number + counts[number] * threads)
                    counts[number] += 1

            workers = [threading.Thread(target=repeat, args=(number,)) for number in range(threads)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            return round(sum(counts) / seconds, 1)

        def decode_and_run(number: int) -> None:
            encoder.encode_image(prepare(pictures[number % len(pictures)], encoder.preprocessing, name="photo").rows)

        return {
            "decoding and running the model": rate(decode_and_run),
            "running the model": rate(lambda number: encoder.encode_image(rows[number % len(rows)])),
        }


class Served:
    """`lookalike serve` in a process of its own."""

    def __init__(self, library: Path, models: Path, *arguments: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "lookalike", "serve", "--library", str(library), "--port", str(self.port)]
        self.log = (library.parent / "serve.log").open("w")
        self.process = subprocess.Popen(
            [*command, *arguments],
            env={**os.environ, "LOOKALIKE_MODELS": str(models), "LOOKALIKE_MAX_CONNECTIONS": "4000"},
            stdout=self.log,
            stderr=self.log,
        )

    def one(self, request: bytes) -> tuple[int, bytes, float]:
        began = time.perf_counter()
        status, body = asyncio.run(Connections(self.port).ask(request))
        return status, body, time.perf_counter() - began

    def wait_until_ready(self) -> None:
        while self._status() != 200:
            assert self.process.poll() is None, Path(self.log.name).read_text()
            time.sleep(0.1)

    def _status(self) -> int:
        try:
            return self.one(get("/readyz"))[0]
        except OSError:
            return 0

    @property
    def resident_mb(self) -> float:
        resident: int = psutil.Process(self.process.pid).memory_info().rss
        return resident / 1e6

    @contextmanager
    def watched(self):
        """The largest resident size meanwhile, MB."""
        most, stop = [self.resident_mb], threading.Event()

        def watch() -> None:
            while not stop.wait(0.05):
                most[0] = max(most[0], self.resident_mb)

        thread = threading.Thread(target=watch)
        thread.start()
        yield most
        stop.set()
        thread.join()

    def __enter__(self) -> Self:
        self.wait_until_ready()
        return self

    def __exit__(self, *fault: object) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


def mixed(photos: list[bytes], ids: list[str]) -> list[bytes]:
    """Of ten requests, eight are pictures, one a crop and one an id."""
    requests = []
    for number, content in enumerate(photos):
        path = "/v1/search?crop=0.2,0.1,0.5,0.6" if number % 10 == 8 else "/v1/search"
        image = post(path, content, "image/jpeg")
        requests.append(by_id(ids[number % len(ids)]) if number % 10 == 9 else image)
    return requests


def described(asked: list[Asked], *, seconds: float, good_below: float) -> dict:
    answered = [one for one in asked if one.status == 200]
    refused = [one.seconds for one in asked if one.status == 503]
    return {
        "asked a second": round(len(asked) / seconds, 1),
        "goodput a second": round(sum(one.seconds <= good_below for one in answered) / seconds, 1),
        **quantiles([one.seconds for one in answered]),
        "refused": round(len(refused) / max(len(asked), 1), 3),
        "refusals p99 ms": quantiles(refused)["p99 ms"],
        "other statuses": {status: count for status, count in statuses_of(asked).items() if status not in (200, 503)},
    }


def statuses_of(asked: list[Asked]) -> dict[int, int]:
    return dict(Counter(one.status for one in asked))


def find_knee(server: Served, requests: list[bytes], peak: float, seconds: float, quiet: float) -> tuple[float, dict]:
    tried = {}
    for share in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4):
        asked = asyncio.run(open_loop(server.port, requests, rate=peak * share, seconds=seconds))
        told = described(asked, seconds=seconds, good_below=10 * quiet)
        tried[f"{share:g} of the peak"] = told
        if told["refused"] < 0.01 and (told["p99 ms"] or 1e9) < 1000:
            return peak * share, tried
        time.sleep(1)
    return peak * 0.4, tried


def step(server: Served, requests: list[bytes], *, rate: float, seconds: float, quiet: float) -> dict:
    with server.watched() as most:
        asked = asyncio.run(open_loop(server.port, requests, rate=rate, seconds=seconds))
    told = described(asked, seconds=seconds, good_below=10 * quiet)
    ended = time.perf_counter()
    while time.perf_counter() < ended + 30:
        status, _, took = server.one(requests[0])
        if status == 200 and took < 3 * quiet:
            break
    return {**told, "recovered after s": round(time.perf_counter() - ended, 2), "resident MB": round(most[0])}


def beside(server: Served, ids: list[str], loads: dict[str, list[bytes]], seconds: float) -> dict:
    """Searches by id at 20 a second, alone and beside eight clients that send one kind of request without a pause."""
    searches = [by_id(image_id) for image_id in ids]

    async def both(load: list[bytes]) -> tuple[list[Asked], Counter]:
        done, connections, stopped = Counter(), Connections(server.port), asyncio.Event()

        async def client(number: int) -> None:
            while not stopped.is_set():
                status, _ = await connections.ask(load[number % len(load)], 60)
                done[status] += 1
                number += 8

        clients = [asyncio.create_task(client(number)) for number in range(8)] if load else []
        asked = await open_loop(server.port, searches, rate=20, seconds=seconds)
        stopped.set()
        await asyncio.gather(*clients)
        connections.close()
        return asked, done

    results, quiet = {}, None
    for name, load in {"nothing": [], **loads}.items():
        asked, done = asyncio.run(both(load))
        told = quantiles([one.seconds for one in asked if one.status == 200])
        quiet = quiet or told["p99 ms"]
        results[name] = {
            **told,
            "p99 / quiet p99": round(told["p99 ms"] / quiet, 2),
            "answered": sum(one.status == 200 for one in asked),
            "of": len(asked),
            "the others, by status": dict(done),
        }
    return results


def other_loads(photos: list[bytes], ids: list[str]) -> dict[str, list[bytes]]:
    chunks = b"1\r\n \r\n" * 50_000 + b"0\r\n\r\n"
    chunked = b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    unknown = {"query_id": "a", "image_id": "b", "position": 1, "kind": "click"}
    events = {"events": [{"event_id": str(number), **unknown} for number in range(500)]}
    return {
        "pictures": [post("/v1/search", content, "image/jpeg") for content in photos],
        "thumbnails": [get(f"/v1/images/{one}/content?size={side}") for side in (1024, 512, 256) for one in ids],
        "uploads": [post("/v1/images", content + os.urandom(8), "image/jpeg") for content in photos],
        "lists of 200": [get("/v1/images?limit=200")],
        "metrics": [get("/metrics")],
        "refused bodies of 60 MB": [post("/v1/search", b"BM" + bytes(60 << 20), "image/bmp")],
        "chunks of one byte": [chunked + b"Transfer-Encoding: chunked\r\n\r\n" + chunks],
        "unknown events": [post("/v1/events", json.dumps(events).encode(), "application/json")],
    }


def measure(library: Path, model: str, models: Path, photos: list[bytes], *, seconds: float) -> dict:
    """Everything, on a library that is indexed with the model."""
    raw = raw_rates(model, models, photos, seconds)
    with Served(library, models) as server:
        ids = [image["id"] for image in json.loads(server.one(get("/v1/images?limit=200"))[1])["images"]]
        pictures = [post("/v1/search", content, "image/jpeg") for content in photos]
        asyncio.run(closed_loop(server.port, pictures, clients=4, seconds=3))
        quiet = statistics.median(server.one(request)[2] for request in pictures[:30])
        peaks = {
            clients: asyncio.run(closed_loop(server.port, pictures, clients=clients, seconds=seconds))
            for clients in (1, 2, 4, 8)
        }
        peak = max(told["a second"] for told in peaks.values())
        requests = mixed(photos, ids)
        knee, tried = find_knee(server, requests, peak, seconds, quiet)
        steps = {}
        for times in STEPS:
            steps[f"{times:g} x the knee"] = step(server, requests, rate=times * knee, seconds=seconds, quiet=quiet)
            print(times, steps[f"{times:g} x the knee"], flush=True)
        isolated = beside(server, ids, other_loads(photos, ids), seconds)
    raw_after = raw_rates(model, models, photos, seconds)
    means = {name: round((raw[name] + raw_after[name]) / 2, 1) for name in raw}
    return {
        "model": model,
        "seconds of each step": seconds,
        "one query without load, ms": round(quiet * 1000, 1),
        "raw rates a second, before and after": {name: [raw[name], raw_after[name]] for name in raw},
        "closed loop, by clients": peaks,
        "peak / raw rate": {name: round(peak / rate, 3) for name, rate in means.items()},
        "knee a second": round(knee, 1),
        "looking for the knee": tried,
        "steps": steps,
        "searches by id beside": isolated,
    }
