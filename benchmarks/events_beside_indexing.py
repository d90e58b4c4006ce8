"""How long does a click wait while a folder is being indexed into the same library?

`POST /v1/events` is timed from outside, one event a request at a steady pace, against `lookalike serve`:

- quiet: nothing else runs;
- other: beside `lookalike index` into another library, which takes the same processors and the same disk and no lock;
- same: beside `lookalike index` into this library, which writes batches of images into the same catalog.

Each is measured in every round, in turn. `same` over `quiet` is what a person notices; `same` over `other` is what
sharing the catalog adds. Searches, which are written down before they are answered, are timed likewise.

    python benchmarks/events_beside_indexing.py [--model efficientnet-lite0] [--rounds 3] [--photos 400] [--url URL]
"""

import argparse
import json
import os
import re
import secrets
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

PROJECT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("LOOKALIKE_SHARED", PROJECT.parent / "shared"))
MODELS = os.environ.get("LOOKALIKE_MODELS", str(PROJECT / ".cache" / "models"))
INDEXED = 200
QUIET_SECONDS = 20.0
PACE_SECONDS = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--photos", type=int, default=400, help="indexed in each part of a round")
    parser.add_argument("--quiet-seconds", type=float, default=QUIET_SECONDS)
    parser.add_argument("--url", default="", help="of an empty PostgreSQL database; SQLite without")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as working:
        results = measure(Path(working), options)
    print(json.dumps(results, indent=2))
    out = PROJECT / "benchmarks" / "results" / "events_beside_indexing.json"
    known = json.loads(out.read_text()) if out.exists() else {}
    database = "PostgreSQL" if options.url else "SQLite"
    out.write_text(json.dumps({**known, f"{database}, {options.model}": results}, indent=2) + "\n")


def measure(working: Path, options: argparse.Namespace) -> dict[str, Any]:
    photos = photo_files(working / "all", INDEXED + 2 * options.rounds * options.photos)
    this = Library(working / "this", options.model, options.url)
    other = Library(working / "other", options.model, "")
    this.index(photos[:INDEXED], "first").wait()
    other.index(photos[:INDEXED], "first").wait()
    timings: dict[str, dict[str, list[float]]] = {
        part: {"event": [], "search": []} for part in ("quiet", "other", "same")
    }
    rest = photos[INDEXED:]
    with this.served() as client:
        visitor = Visitor(client, photos[0].read_bytes())
        visitor.measure_until(lambda since: since > 2.0)  # the model has run before
        for number in range(options.rounds):
            visitor.measure_until(lambda since: since > options.quiet_seconds, into=timings["quiet"])
            for part, library in (("other", other), ("same", this)):
                piece, rest = rest[: options.photos], rest[options.photos :]
                indexing = library.index(piece, f"round-{number}")
                visitor.measure_until(lambda _, process=indexing: process.poll() is not None, into=timings[part])
                assert indexing.returncode == 0
    return {
        "rounds": options.rounds,
        "photos indexed in each part": options.photos,
        **{f"{kind}, ms": {part: spread(timings[part][kind]) for part in timings} for kind in ("event", "search")},
        "event, same over quiet": ratios(timings["same"]["event"], timings["quiet"]["event"]),
        "event, same over other": ratios(timings["same"]["event"], timings["other"]["event"]),
        "search, same over other": ratios(timings["same"]["search"], timings["other"]["search"]),
    }


def photo_files(folder: Path, count: int) -> list[Path]:
    folder.mkdir(parents=True)
    with tarfile.open(SHARED / "data" / "wardrobe_and_grocery.tar") as archive:
        members = [member for member in archive if member.name.endswith(".jpg")]
        files = []
        for number in range(count):  # where photos run out they come again with other bytes
            photo = archive.extractfile(members[number % len(members)])
            assert photo is not None
            files.append(folder / f"{number}.jpg")
            files[-1].write_bytes(photo.read() + secrets.token_bytes(8) * (number >= len(members)))
    return files


class Library:
    """A library that is served and indexed by processes of their own."""

    def __init__(self, folder: Path, model: str, url: str) -> None:
        self.folder = folder
        self._environment = {
            **os.environ,
            "LOOKALIKE_LIBRARY": str(folder / "library"),
            "LOOKALIKE_MODELS": MODELS,
            "LOOKALIKE_MODEL": model,
            "LOOKALIKE_CATALOG_URL": url,
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "lookalike", *arguments]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE, stderr=quiet, text=True)

    def index(self, photos: list[Path], name: str) -> subprocess.Popen[str]:
        folder = self.folder / "photos" / name
        folder.mkdir(parents=True)
        for photo in photos:
            os.link(photo, folder / photo.name)
        return self.start("index", str(folder))

    @contextmanager
    def served(self) -> Iterator[httpx.Client]:
        serving = self.start("serve", "--port", "0")
        assert serving.stdout is not None
        address = re.search(r"http://\S+?:\d+", serving.stdout.readline())
        assert address is not None
        try:
            with httpx.Client(base_url=address[0], timeout=120) as client:
                while client.get("/readyz").status_code != httpx.codes.OK:
                    time.sleep(0.05)
                yield client
        finally:
            serving.terminate()
            serving.wait()


class Visitor:
    """Searches once a second, and reports a click on the latest hits at a steady pace."""

    def __init__(self, client: httpx.Client, picture: bytes) -> None:
        self._client = client
        self._picture = picture

    def measure_until(self, ended: Callable[[float], bool], *, into: dict[str, list[float]] | None = None) -> None:
        into = {"event": [], "search": []} if into is None else into
        began = time.monotonic()
        while not ended(time.monotonic() - began):
            image = {"image": ("query.jpg", self._picture)}
            found, milliseconds = self._timed("/v1/search", files=image)
            into["search"].append(milliseconds)
            until = time.monotonic() + 1.0
            while time.monotonic() < until:
                into["event"].append(self._click(found))
                time.sleep(PACE_SECONDS)

    def _click(self, found: dict[str, Any]) -> float:
        event = {
            "event_id": secrets.token_hex(8),
            "query_id": found["query_id"],
            "image_id": found["hits"][0]["image"]["id"],
            "position": 1,
            "kind": "click",
        }
        receipt, milliseconds = self._timed("/v1/events", json={"events": [event]})
        assert receipt["stored"] == 1
        return milliseconds

    def _timed(self, path: str, **body: Any) -> tuple[dict[str, Any], float]:
        started = time.perf_counter()
        answer = self._client.post(path, **body)
        milliseconds = (time.perf_counter() - started) * 1000
        assert answer.status_code == httpx.codes.OK, answer.text
        document: dict[str, Any] = answer.json()
        return document, milliseconds


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(int(share * len(times)), len(times) - 1)]


def spread(times: list[float]) -> dict[str, float]:
    worst = {"p50": statistics.median(times), "p99": percentile(times, 0.99), "most": max(times)}
    return {"requests": len(times), **{name: round(value, 2) for name, value in worst.items()}}


def ratios(times: list[float], reference: list[float]) -> dict[str, float]:
    return {
        "p50": round(statistics.median(times) / statistics.median(reference), 2),
        "p99": round(percentile(times, 0.99) / percentile(reference, 0.99), 2),
    }


if __name__ == "__main__":
    main()
