"""How many events a second does `lookalike serve` store, and does that slow searches?

One server, one run, in turn:

- flood: batches of 500 events, as quickly as they are answered, on one connection: events stored a second;
- quiet: searches by picture, one after the other, and nothing else;
- beside: the same searches, while another process sends 2,000 events a second in batches of 100, as pages do.

`quiet` and `beside` alternate in short rounds, so that a machine that gets slower does so for both. The ratio of their
medians is what events cost searches; with two processors, part of it is the work of the process that sends.

    python benchmarks/event_throughput.py [--model efficientnet-lite0] [--rounds 10] [--rate 2000]
"""

import argparse
import json
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from events_beside_indexing import PROJECT, Library, percentile, photo_files, ratios, spread

INDEXED = 200
FLOOD_SECONDS = 8.0
ROUND_SECONDS = 5.0
FLOOD_BATCH, PAGE_BATCH = 500, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--rate", type=int, default=2_000, help="events a second beside searches")
    parser.add_argument("--send-to", nargs=2, metavar=("URL", "HITS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.send_to:
        send_steadily(options.send_to[0], json.loads(options.send_to[1]), options.rate)
        return
    with tempfile.TemporaryDirectory() as working:
        results = measure(Path(working), options)
    print(json.dumps(results, indent=2))
    out = PROJECT / "benchmarks" / "results" / "event_throughput.json"
    out.write_text(json.dumps(results, indent=2) + "\n")


def measure(working: Path, options: argparse.Namespace) -> dict[str, Any]:
    photos = photo_files(working / "all", INDEXED)
    library = Library(working / "this", options.model, "")
    library.index(photos, "first").wait()
    picture = photos[0].read_bytes()
    times: dict[str, list[float]] = {"quiet": [], "beside": []}
    sent = []
    with library.served() as client:
        hits = search(client, picture)[0]
        for _ in range(20):
            search(client, picture)
        flooded = flood(client, hits)
        for _ in range(options.rounds):
            times["quiet"] += searches(client, picture)
            with sender(str(client.base_url), hits, options.rate) as process:
                time.sleep(0.5)
                before, began = stored(client), time.monotonic()
                times["beside"] += searches(client, picture)
                sent.append((stored(client) - before) / (time.monotonic() - began))
                process.terminate()
    return {
        "flood, events stored a second": round(flooded),
        "beside searches, events stored a second": round(statistics.median(sent)),
        "search, ms": {part: spread(of) for part, of in times.items()},
        "search, beside over quiet": ratios(times["beside"], times["quiet"]),
        "search, p95, beside over quiet": round(
            percentile(times["beside"], 0.95) / percentile(times["quiet"], 0.95), 2
        ),
        "rounds": options.rounds,
    }


def search(client: httpx.Client, picture: bytes) -> tuple[dict[str, Any], float]:
    """What a search found, in short, and its milliseconds."""
    started = time.perf_counter()
    answer = client.post("/v1/search", files={"image": ("query.jpg", picture)})
    milliseconds = (time.perf_counter() - started) * 1000
    found = answer.raise_for_status().json()
    return {"query": found["query_id"], "images": [hit["image"]["id"] for hit in found["hits"]]}, milliseconds


def searches(client: httpx.Client, picture: bytes) -> list[float]:
    times = []
    end = time.monotonic() + ROUND_SECONDS
    while time.monotonic() < end:
        times.append(search(client, picture)[1])
    return times


def batch(hits: dict[str, Any], size: int) -> bytes:
    """New events about hits of a query, as a page sends them."""
    visit = {"session_id": secrets.token_hex(16), "client_id": secrets.token_hex(16)}
    place = {"row": 1, "column": 2, "fold": 0, "x": 100, "y": 200, "seconds_ago": 1.5}
    images = hits["images"]
    events = [
        {
            "event_id": secrets.token_hex(16),
            "query_id": hits["query"],
            "image_id": images[number % len(images)],
            "position": number % len(images) + 1,
            "kind": "impression",
            **place,
            **visit,
        }
        for number in range(size)
    ]
    return json.dumps({"events": events}).encode()


def flood(client: httpx.Client, hits: dict[str, Any]) -> float:
    bodies = [batch(hits, FLOOD_BATCH) for _ in range(400)]
    began, count = time.monotonic(), 0
    for body in bodies:
        client.post("/v1/events", content=body, headers={"content-type": "application/json"}).raise_for_status()
        count += FLOOD_BATCH
        if time.monotonic() - began > FLOOD_SECONDS:
            break
    return count / (time.monotonic() - began)


def sender(url: str, hits: dict[str, Any], rate: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, __file__, "--rate", str(rate), "--send-to", url, json.dumps(hits)]
    return subprocess.Popen(command)


def send_steadily(url: str, hits: dict[str, Any], rate: int) -> None:
    """Until the process is ended: batches of a page at even distances."""
    due = time.monotonic()
    with httpx.Client(base_url=url, timeout=60) as client:
        while True:
            body = batch(hits, PAGE_BATCH)
            client.post("/v1/events", content=body, headers={"content-type": "application/json"}).raise_for_status()
            due += PAGE_BATCH / rate
            time.sleep(max(0.0, due - time.monotonic()))


def stored(client: httpx.Client) -> float:
    """How many events the server has stored."""
    lines = client.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("lookalike_events_stored_total "))


if __name__ == "__main__":
    main()
