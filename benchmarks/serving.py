"""What does HTTP cost, does the server's memory grow, and how soon is it ready?

Five questions, each with its own answer in `results/serving.json`:

- latency: one query over HTTP (decode, embed, search, re-rank, JSON) as a multiple of decode and one run of the same
  model, on the same photos in turn, in a process that serves and in one that does not; at most 1.2 is wanted.
- memory: what the process grows by from the 1,000th to the 10,000th query, with a small model; nothing is wanted.
- load: see `serving_load.py`: the peak rate, the knee, and 0.5 to 10 times the knee; of clip-vit-b16 the peak alone.
- beside: see `serving_beside.py`: searches by id beside other loads, and how soon uploads are found.
- ready: seconds from starting `lookalike serve` to `/readyz` answering 200, on a library of 100,000 images; under 3 is
  wanted.

    python benchmarks/serving.py [latency] [memory] [load] [beside] [ready] [--model efficientnet-lite0] [--queries 200]
                                 [--images N] [--seconds 60] [--machine TEXT]

`serving_report.py` makes a page and plots of the results.
"""

import argparse
import http.client
import json
import os
import re
import secrets
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import serving_beside
import serving_load
from lookalike.catalog import Catalog, ImageAddition, SourceFile
from lookalike.columns import image_row
from lookalike.embedding import LiveModelFollower
from lookalike.indexing import Indexer, Publisher
from lookalike.library.copy_search import CopySearch
from lookalike.library.opening import open_library
from lookalike.preprocessing import Limits, Preprocessing, prepare
from lookalike.retrieval import QueryJournal, SearchEngine
from lookalike.serving import Server, Services, ServingSettings, create_app
from lookalike.settings import load_settings

PROJECT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("LOOKALIKE_SHARED", PROJECT.parent / "shared"))
MODELS = os.environ.get("LOOKALIKE_MODELS", str(PROJECT / ".cache" / "models"))
INDEXED, ASKED, NEW = 300, 200, 1500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("questions", nargs="*", choices=["latency", "memory", "load", "beside", "ready"])
    parser.add_argument("--model", action="append")
    parser.add_argument("--queries", type=int, default=200, help="photos asked with; memory asks with 10,000")
    parser.add_argument("--images", type=int, default=100_000, help="in the library that has to be ready")
    parser.add_argument("--seconds", type=float, default=60, help="of each step of the load")
    parser.add_argument("--workers", type=int, default=1, help="processes that serve, in load and beside")
    parser.add_argument("--machine", default="not noted", help="what the machine was, and what else ran on it")
    options = parser.parse_args()
    questions = options.questions or ["latency", "memory", "load", "beside", "ready"]
    by = "" if options.workers == 1 else f", {options.workers} workers"
    out = PROJECT / "benchmarks" / "results" / "serving.json"
    results = json.loads(out.read_text()) if out.exists() else {}
    with tempfile.TemporaryDirectory() as working:
        if "latency" in questions:
            for model in options.model or ["efficientnet-lite0", "lookalike-small", "clip-vit-b16"]:
                queries = options.queries // 5 if model == "clip-vit-b16" else options.queries
                results[f"latency, {model}"] = latency(model, photos(INDEXED + queries), Path(working) / model)
                print(model, json.dumps(results[f"latency, {model}"], indent=2))
        if "memory" in questions:
            results["memory"] = memory(Path(working) / "memory")
            print(json.dumps(results["memory"], indent=2))
        if "load" in questions:
            for model in options.model or ["lookalike-small", "clip-vit-b16"]:
                name = f"load, {model}{by}"
                results[name] = load(model, Path(working) / f"load-{model}", options.seconds, options.workers)
                print(model, json.dumps(results[name], indent=2))
        if "beside" in questions:
            results[f"beside{by}"] = beside(Path(working) / "beside", options.seconds, options.workers)
            print(json.dumps(results[f"beside{by}"], indent=2))
        if "ready" in questions:
            results["ready"] = ready(Path(working) / "ready", options.images)
            print(json.dumps(results["ready"], indent=2))
    out.parent.mkdir(exist_ok=True)
    command = f"python benchmarks/serving.py {' '.join(questions)} --seconds {options.seconds:g}"
    results |= {"command": command, "machine": options.machine}
    out.write_text(json.dumps(results, indent=2) + "\n")


def photos(count: int, *, beside: int = 0) -> list[bytes]:
    """So many photos of all kinds; others than those that the same call with `beside` photos gives."""
    with tarfile.open(SHARED / "data" / "wardrobe_and_grocery.tar") as archive:
        jpegs = [member for member in archive if member.name.endswith(".jpg")]
        if beside:
            taken = set(evenly(jpegs, beside))
            jpegs = [member for member in jpegs if member not in taken]
        opened = [archive.extractfile(member) for member in evenly(jpegs, count)]
        return [photo.read() for photo in opened if photo]


def evenly(members: list[tarfile.TarInfo], count: int) -> list[tarfile.TarInfo]:
    return members[:: max(len(members) // count, 1)][:count]


# -- latency -----------------------------------------------------------------------------------------------------------


def latency(model: str, pictures: list[bytes], folder: Path) -> dict:
    """Photos that are asked with are not in the library; both ways are taken for each photo, in changing order."""
    indexed, asked = pictures[:INDEXED], pictures[INDEXED:]
    originals = folder / "photos"
    originals.mkdir(parents=True)
    for number, content in enumerate(indexed if model != "clip-vit-b16" else indexed[:60]):
        (originals / f"{number}.jpg").write_bytes(content)
    settings = load_settings({"library": folder / "library", "models": Path(MODELS), "model": model})
    with open_library(settings, create=True, mode="serving") as library:
        library.indexer.index([originals])
        with serving_load.Served(folder / "library", Path(MODELS)) as server, connected(server.port) as ask:
            by_http, by_hand, stages = [], [], []
            for number, content in enumerate([*asked[:5], *asked]):
                request = prepared(content)
                ways = [lambda r=request: ask(r), lambda c=content: decode_and_run(library.encoder, c)]
                first, second = (ways[0], ways[1]) if number % 2 else (ways[1], ways[0])
                (first_ms, first_answer), (second_ms, second_answer) = timed(first), timed(second)
                by_http.append(first_ms if number % 2 else second_ms)
                by_hand.append(second_ms if number % 2 else first_ms)
                stages.append(answered(first_answer if number % 2 else second_answer)["milliseconds"])
    return {
        "photos asked with": len(asked),
        "over HTTP, ms": spread(by_http[5:]),
        "decode and one run, ms": spread(by_hand[5:]),
        "ratio": round(statistics.median(by_http[5:]) / statistics.median(by_hand[5:]), 3),
        "median of ratios": round(statistics.median(h / d for h, d in zip(by_http[5:], by_hand[5:], strict=True)), 3),
        "stages, ms": {name: round(statistics.median(s[name] for s in stages[5:]), 2) for name in stages[0]},
    }


def decode_and_run(encoder, content: bytes):
    row = prepare(content, encoder.preprocessing, name="query").rows[0]
    return encoder.encode(row[None])


def timed(work):
    started = time.perf_counter()
    answer = work()
    return (time.perf_counter() - started) * 1000, answer


def spread(values: list[float]) -> dict:
    ordered = sorted(values)
    return {"median": round(statistics.median(ordered), 2), "p95": round(ordered[int(len(ordered) * 0.95)], 2)}


@contextmanager
def served(services: Services, settings: ServingSettings):
    """A server in this process; yields a function that sends a request over one kept connection."""
    server = Server(create_app(services, settings), settings)
    server.start()
    with connected(int(server.url.rstrip("/").rpartition(":")[2])) as ask:
        yield ask
    server.stop()


@contextmanager
def connected(port: int):
    """A function that sends a prepared request over one kept connection, and gives the whole answer as it came.

    The server is measured, not a client: httpx takes one to two milliseconds for a request, `http.client` and reading
    the JSON half of one.
    """
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield lambda request: exchanged(connection, request)


HEAD = b'--x\r\nContent-Disposition: form-data; name="image"; filename="q.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'


def prepared(content: bytes) -> bytes:
    """A search with a picture in a form, as HTTP."""
    form = HEAD + content + b"\r\n--x--\r\n"
    request: bytes = serving_load.post("/v1/search", form, "multipart/form-data; boundary=x")
    return request


def exchanged(connection: socket.socket, request: bytes) -> bytes:
    connection.sendall(request)
    received = connection.recv(1 << 20)
    while len(received) < whole(received):
        received += connection.recv(1 << 20)
    return received


def whole(received: bytes) -> float:
    """How long an answer is whose beginning has come."""
    head, _, _ = received.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    return len(head) + 4 + int(length[1]) if length else float("inf")


def answered(received: bytes) -> dict:
    assert received.startswith(b"HTTP/1.1 200 "), received
    answer: dict = json.loads(received.partition(b"\r\n\r\n")[2])
    return answer


# -- load --------------------------------------------------------------------------------------------------------------


def load(model: str, folder: Path, seconds: float, workers: int) -> dict:
    """On a library of 300 photos; others are asked with. Of CLIP, which takes a tenth of a second, the peak alone."""
    asked = indexed(model, folder)
    steps = model != "clip-vit-b16"
    measured: dict = serving_load.measure(
        folder / "library", model, Path(MODELS), asked, new_photos(), seconds=seconds, workers=workers, steps=steps
    )
    return measured


def beside(folder: Path, seconds: float, workers: int, model: str = "lookalike-small") -> dict:
    asked = indexed(model, folder)
    measured: dict = serving_beside.measure(
        folder / "library", Path(MODELS), asked, new_photos(), seconds=seconds, workers=workers
    )
    return measured


def indexed(model: str, folder: Path) -> list[bytes]:
    """A library of photos; others, to ask with."""
    pictures = photos(INDEXED + ASKED)
    originals = folder / "photos"
    originals.mkdir(parents=True)
    for number, content in enumerate(pictures[: INDEXED if model != "clip-vit-b16" else 60]):
        (originals / f"{number}.jpg").write_bytes(content)
    settings = load_settings({"library": folder / "library", "models": Path(MODELS), "model": model})
    with open_library(settings, create=True, mode="throughput") as library:
        library.indexer.index([originals])
    return pictures[INDEXED:]


def new_photos() -> list[bytes]:
    """Photos to upload and to index: no two of them, nor one of them and one that is asked with, are the same."""
    return photos(NEW, beside=INDEXED + ASKED)


# -- memory ------------------------------------------------------------------------------------------------------------


class SmallEncoder:
    """A picture's vector is the picture at 8 x 8 pixels."""

    name = "small"
    fingerprint = "5" * 64
    dimension = 192
    concurrency = 2
    preprocessing = Preprocessing(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    reference_cosines = np.linspace(-1, 1, 201, dtype=np.float32)

    def encode(self, batch):
        small = batch.reshape(len(batch), 3, 8, 4, 8, 4).mean(axis=(3, 5)).reshape(len(batch), -1) + 1e-6
        return (small / np.linalg.norm(small, axis=1, keepdims=True)).astype(np.float32)

    def encode_image(self, rows):
        vector = self.encode(rows).mean(axis=0)
        return vector / np.linalg.norm(vector)

    def close(self):
        """Nothing is open."""


def memory(folder: Path, queries: int = 10_000) -> dict:
    """Photos, crops and pages, one after the other; resident bytes after every thousandth query."""
    folder.mkdir(parents=True)
    pictures = photos(100)
    encoder: Any = SmallEncoder()
    with Catalog.open(f"sqlite:///{folder / 'catalog.sqlite'}", originals=folder / "originals") as catalog:
        publisher = Publisher(catalog, snapshots=folder / "snapshots")
        indexer = Indexer(catalog, encoder=lambda: encoder, publisher=publisher, lock=folder / "lock")
        for number, content in enumerate(pictures):
            indexer.add_upload(content, name=f"{number}.jpg")
        engine = SearchEngine(
            catalog,
            snapshots=folder / "snapshots",
            models=LiveModelFollower(catalog, open_model=lambda _: encoder),
            journal=QueryJournal(catalog),
        )
        settings = ServingSettings(thumbnails=folder / "thumbnails", port=0)
        resident = []
        copies = CopySearch(catalog=catalog, folder=folder, limits=Limits())
        with served(Services(catalog=catalog, engine=engine, indexer=indexer, copies=copies), settings) as ask:
            started = time.perf_counter()
            for number in range(1, queries + 1):
                ask(prepared(pictures[number % len(pictures)]))
                if number % 1000 == 0:
                    resident.append(round(psutil.Process().memory_info().rss / 1e6, 1))
            seconds = time.perf_counter() - started
        engine.close()
        publisher.wait()
    return {
        "queries": queries,
        "queries a second": round(queries / seconds, 1),
        "resident MB by the thousand": resident,
        "growth after the first thousand, MB": round(resident[-1] - resident[0], 1),
        "growth in the second half, MB": round(resident[-1] - resident[len(resident) // 2], 1),
    }


# -- ready -------------------------------------------------------------------------------------------------------------


def ready(folder: Path, images: int, rounds: int = 5) -> dict:
    """The catalog and the snapshot are real, the pictures are not: starting does not look at them."""
    settings = load_settings({"library": folder, "models": Path(MODELS), "model": "efficientnet-lite0"})
    with open_library(settings, create=True) as library:
        fill(library, images)
        library.catalog.models.set_live(library.indexer.model)
        library.publisher.publish(library.indexer.model)
    return {"images": images, "seconds": [round(seconds_until_ready(folder), 2) for _ in range(rounds)]}


def fill(library, images: int, block: int = 2000) -> None:
    random = np.random.default_rng(0)
    for start in range(0, images, block):
        vectors = random.normal(size=(block, library.encoder.dimension)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        library.catalog.images.add(
            [
                ImageAddition(
                    content_id=secrets.token_hex(16),
                    width=640,
                    height=480,
                    mean_colour="#808080",
                    columns=image_row(difference_hash=secrets.randbits(64)),
                    media_type="image/jpeg",
                    byte_count=50_000,
                    source=SourceFile(path=f"/photos/{start + n}.jpg", byte_count=50_000, modified_ns=0),
                    fingerprint=library.encoder.fingerprint,
                    vector=vector,
                )
                for n, vector in enumerate(vectors)
            ]
        )


def seconds_until_ready(folder: Path) -> float:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "lookalike", "serve", "--library", str(folder), "--port", str(port)]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, env={**os.environ, "LOOKALIKE_MODELS": MODELS}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not is_ready(port):
            assert process.poll() is None, "the server ended"
            time.sleep(0.02)
        return time.perf_counter() - started
    finally:
        process.terminate()
        process.wait()


def is_ready(port: int) -> bool:
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
    except OSError:
        return False


if __name__ == "__main__":
    main()
