"""How a server behaves under load: an open loop, in which requests come whether or not earlier ones were answered.

Requests come at random (a Poisson process), and a latency counts from the moment at which the request should have
been sent, so that a slow server cannot hide its queue. Client and server share this machine's cores.

- peak: answers a second with 1 to 8 clients that ask without a pause, as a share of what the model makes of the same
  photos in the same run: decoding and running it, and running it alone, in as many threads as there are cores.
- knee: the highest rate at which fewer than 1 % are refused and the 99th percentile is below a second.
- steps: 0.5 to 10 times that rate: goodput (answers within ten times the latency without load), latencies of what was
  accepted, how soon the others are refused, memory, and how soon a lone search is as quick as before.
Beside the steps, uploads come at one a second and are deleted half a minute later, and `lookalike index` runs over and
over at a lower priority, as an operator would run it. What is uploaded or indexed is another photo each time, and the
library keeps its size, so that a search costs as much in the last step as in the first. One process sends the requests.

Called by `benchmarks/serving.py load`.
"""

import asyncio
import itertools
import json
import multiprocessing
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

from lookalike.embedding import open_encoder
from lookalike.preprocessing import prepare

STEPS = (0.5, 0.9, 1, 2, 5, 10)
_OTHERWISE = 6.0  # seconds, of what is not a step
_UPLOADED = 30  # photos, before the first of them is deleted again
_INDEXED_AGAIN = 60  # photos, by each run


def post(path: str, content: bytes, kind: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def by_id(image_id: str) -> bytes:
    return post("/v1/search", json.dumps({"image_id": image_id, "limit": 30}).encode(), "application/json")


class Connection(asyncio.Protocol):
    """One kept connection, with as little work for each answer as possible: it shares the server's processors."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[tuple[int, bytes, bool]] | None = None
        self._received = b""
        self._rest = memoryview(b"")
        self._may_write = True

    def connection_made(self, transport) -> None:
        self.transport = transport

    def send(self, request: bytes) -> "asyncio.Future[tuple[int, bytes, bool]]":
        """Status, body, and whether the connection goes on."""
        self.answer = asyncio.get_running_loop().create_future()
        self._rest = memoryview(request)
        self.resume_writing()
        return self.answer

    def resume_writing(self) -> None:
        """Send on, in pieces: asyncio would move all that is left of a large request after each one."""
        self._may_write = True
        while self._rest and self._may_write and not self.transport.is_closing():
            piece, self._rest = self._rest[:_PIECE], self._rest[_PIECE:]
            self.transport.write(piece)

    def pause_writing(self) -> None:
        self._may_write = False

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._received[:end].lower()
        length = _LENGTH.search(head)
        whole = end + 4 + (int(length[1]) if length else 0)
        if len(self._received) < whole or self.answer is None or self.answer.done():
            return
        body, self._received = self._received[end + 4 : whole], self._received[whole:]
        self.answer.set_result((int(head[9:12]), body, b"connection: close" not in head))

    def connection_lost(self, exc: Exception | None) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(exc or ConnectionResetError())


_PIECE = 256 * 1024  # bytes
_LENGTH = re.compile(rb"content-length: (\d+)")


@dataclass
class Connections:
    """Kept connections to one server."""

    port: int
    free: list[Connection] = field(default_factory=list)

    async def ask(self, request: bytes, seconds: float = 30) -> tuple[int, bytes]:
        """Status and body; -1 for a connection that ended, -2 for no answer in time."""
        for attempt in (0, 1):
            try:
                return await asyncio.wait_for(self._once(request, fresh=attempt == 1), seconds)
            except TimeoutError:
                return -2, b""
            except OSError:
                continue
        return -1, b""

    async def _once(self, request: bytes, *, fresh: bool) -> tuple[int, bytes]:
        while self.free and self.free[-1].transport.is_closing():
            self.free.pop()
        if self.free and not fresh:
            kept = self.free.pop()
        else:
            loop = asyncio.get_running_loop()
            _, kept = await loop.create_connection(Connection, "127.0.0.1", self.port)
        try:
            status, body, goes_on = await kept.send(request)
        except asyncio.CancelledError:
            kept.transport.abort()
            raise
        if goes_on:
            self.free.append(kept)
        else:
            kept.transport.close()
        return status, body

    def close(self) -> None:
        for kept in self.free:
            kept.transport.close()


@dataclass(frozen=True)
class Asked:
    """One request: when it should have been sent, seconds until its answer, the status, and how late it was sent."""

    due: float
    seconds: float
    status: int
    late: float = 0.0


async def open_loop(port: int, requests: list[bytes], *, rate: float, seconds: float, seed: int = 0) -> list[Asked]:
    """Poisson arrivals at that rate a second."""
    rng, connections, asked, running = random.Random(seed), Connections(port), [], set()
    start = time.perf_counter() + 0.05
    due, number = start, 0

    async def one(request: bytes, due: float) -> None:
        late = time.perf_counter() - due
        status, _ = await connections.ask(request)
        asked.append(Asked(due - start, time.perf_counter() - due, status, late))

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

    def __init__(self, library: Path, models: Path, *, workers: int = 1) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "lookalike", "serve", "--library", str(library), "--port", str(self.port)]
        self.log = (library.parent / "serve.log").open("w")
        several = ["--workers", str(workers)] if workers > 1 else []  # one process alone needs none that minds it
        self.process = subprocess.Popen(
            [*command, *several],
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
        """Of all processes together: what they share is counted for each."""
        first = psutil.Process(self.process.pid)
        resident: int = sum(one.memory_info().rss for one in (first, *first.children(recursive=True)))
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
    refused = [one for one in asked if one.status == 503]
    return {
        "asked a second": round(len(asked) / seconds, 1),
        "goodput a second": round(sum(one.seconds <= good_below for one in answered) / seconds, 1),
        **quantiles([one.seconds for one in answered]),
        "refused": round(len(refused) / max(len(asked), 1), 3),
        "refusals p99 ms": quantiles([one.seconds for one in refused])["p99 ms"],
        "refusals after sending, p99 ms": quantiles([one.seconds - one.late for one in refused])["p99 ms"],
        "sent late, p99 ms": quantiles([one.late for one in asked])["p99 ms"],
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
    began, of_client = time.perf_counter(), time.process_time()
    with server.watched() as most:
        asked = asyncio.run(open_loop(server.port, requests, rate=rate, seconds=seconds))
    ended = time.perf_counter()
    client = round((time.process_time() - of_client) / (ended - began), 2)
    told = described(asked, seconds=seconds, good_below=10 * quiet) | {"cores that the client took": client}
    while time.perf_counter() < ended + 30:
        status, _, took = server.one(requests[0])
        if status == 200 and took < 3 * quiet:
            break
    return {**told, "recovered after s": round(time.perf_counter() - ended, 2), "resident MB": round(most[0])}


class Changing:
    """Uploads, deletions and runs of `lookalike index` beside whatever is measured, by a process of its own each."""

    def __init__(self, server: Served, library: Path, models: Path, photos: list[bytes], folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._stop = multiprocessing.Event()
        uploaded, indexed = photos[::2], photos[1::2]
        uploading, indexing = (server.port, uploaded, self._stop), (library, models, indexed, folder, self._stop)
        self._uploading = multiprocessing.Process(target=upload_and_delete, args=uploading, daemon=True)
        self._indexing = multiprocessing.Process(target=index_again, args=indexing, daemon=True)

    def __enter__(self) -> None:
        self._uploading.start()
        self._indexing.start()

    def __exit__(self, *fault: object) -> None:
        self._stop.set()
        self._uploading.join()
        self._indexing.join()


def upload_and_delete(port: int, photos: list[bytes], stop, a_second: float = 1.0) -> None:
    async def run() -> None:
        connections, uploaded = Connections(port), deque()
        for number in itertools.count():
            if stop.is_set():
                break
            content = photos[number % len(photos)] + os.urandom(8)  # an upload of what was deleted would restore it
            status, body = await connections.ask(post("/v1/images", content, "image/jpeg"))
            if status == 201:
                uploaded.append(json.loads(body)["id"])
            if len(uploaded) > _UPLOADED:
                deleting = f"DELETE /v1/images/{uploaded.popleft()} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
                await connections.ask(deleting.encode())
            await asyncio.sleep(1 / a_second)
        connections.close()

    asyncio.run(run())


def index_again(library: Path, models: Path, photos: list[bytes], folder: Path, stop) -> None:
    """Runs over files whose photos are others each time."""
    command = ["nice", "-n", "10", sys.executable, "-m", "lookalike", "index", "--library", str(library), str(folder)]
    environment = {**os.environ, "LOOKALIKE_MODELS": str(models)}
    coming = itertools.cycle(photos)
    while not stop.is_set():
        for number in range(_INDEXED_AGAIN):
            (folder / f"{number}.jpg").write_bytes(next(coming) + os.urandom(8))
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not stop.wait(0.1):
            pass
        process.terminate()
        process.wait(60)


def measure(
    library: Path,
    model: str,
    models: Path,
    photos: list[bytes],
    new_photos: list[bytes],
    *,
    seconds: float,
    workers: int = 1,
    steps: bool = True,
) -> dict:
    """Everything, on a library that is indexed with the model; the peak alone where no steps are wanted.

    Looking for the peak, the knee and the model's own rate takes at most six seconds each time.
    """
    some = min(seconds, _OTHERWISE)
    raw = raw_rates(model, models, photos, some)
    with Served(library, models, workers=workers) as server:
        pictures = [post("/v1/search", content, "image/jpeg") for content in photos]
        asyncio.run(closed_loop(server.port, pictures, clients=4, seconds=3))
        quiet = statistics.median(server.one(request)[2] for request in pictures[:30])
        peaks = {
            clients: asyncio.run(closed_loop(server.port, pictures, clients=clients, seconds=some))
            for clients in (1, 2, 4, 8)
        }
    raw_after = raw_rates(model, models, photos, some)
    means = {name: round((raw[name] + raw_after[name]) / 2, 1) for name in raw}
    peak = max(told["a second"] for told in peaks.values())
    told = {
        "model": model,
        "seconds of each step": seconds,
        "workers": workers,
        "one query without load, ms": round(quiet * 1000, 1),
        "raw rates a second, before and after": {name: [raw[name], raw_after[name]] for name in raw},
        "closed loop, by clients": peaks,
        "peak / raw rate": {name: round(peak / rate, 3) for name, rate in means.items()},
    }
    if not steps:
        return told
    return told | measured_steps(library, models, photos, new_photos, peak, seconds, quiet, workers)


def measured_steps(
    library: Path,
    models: Path,
    photos: list[bytes],
    new_photos: list[bytes],
    peak: float,
    seconds: float,
    quiet: float,
    workers: int,
) -> dict:
    with Served(library, models, workers=workers) as server:
        requests = mixed(photos, ids_of(server))
        asyncio.run(closed_loop(server.port, requests, clients=4, seconds=3))
        with Changing(server, library, models, new_photos, library.parent / "new photos"):
            time.sleep(3)
            knee, tried = find_knee(server, requests, peak, min(seconds, _OTHERWISE), quiet)
            told = {}
            for times in STEPS:
                told[f"{times:g}"] = step(server, requests, rate=times * knee, seconds=seconds, quiet=quiet)
                print(times, told[f"{times:g}"], flush=True)
    return {"knee a second": round(knee, 1), "looking for the knee": tried, "steps, by multiples of the knee": told}


def ids_of(server: Served) -> list[str]:
    return [image["id"] for image in json.loads(server.one(get("/v1/images?limit=200"))[1])["images"]]
