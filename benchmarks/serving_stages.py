"""Where do the milliseconds of one query over HTTP go?

A server notes when its steps begin and end, and photos are asked with one after the other, each beside decoding and
running the model by hand, as `serving.py latency` does. The clocks of both processes are the same one. Noting takes
some 2 µs a step, which is part of what it shows.

    python benchmarks/serving_stages.py [--model efficientnet-lite0] [--queries 150]

Prints a table of medians: from which step to which next one, and how long that took.
"""

import argparse
import functools
import inspect
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left, bisect_right
from pathlib import Path

import serving
import serving_load
from lookalike.cli import app

STEPS = (
    ("lookalike.serving.connections:BoundedConnection", "data_received", "the head is parsed"),
    ("lookalike.serving.metrics:Measured", "__call__", "middleware of measuring"),
    ("lookalike.serving.search:SearchRoutes", "search", "the route"),
    ("lookalike.serving.search:SearchRoutes", "_worked", "in the decoding thread"),
    ("lookalike.retrieval.engine:SearchEngine", "decode", "decoding"),
    ("lookalike.embedding.runtimes.session:WideOrNarrow", "run", "the model"),
    ("lookalike.retrieval.engine:SearchEngine", "embed", "embedding"),
    ("lookalike.retrieval.engine:SearchEngine", "search", "search"),
    ("lookalike.retrieval.live:LiveIndex", "current", "following the catalog"),
    ("lookalike.retrieval.view:View", "nearest", "the index"),
    ("lookalike.retrieval.rankers:_ViewRanker", "_ranked", "ranking"),
    ("lookalike.retrieval.journal:QueryJournal", "add", "writing the query down"),
    ("lookalike.serving.search:SearchRoutes", "_respond", "JSON"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--queries", type=int, default=150)
    parser.add_argument("--serve", nargs=argparse.REMAINDER, help="used by itself")
    options = parser.parse_args()
    if options.serve:
        serve(Path(options.serve[0]), options.serve[1:])
        return
    with tempfile.TemporaryDirectory() as working:
        folder = Path(working)
        asked = serving.indexed(options.model, folder / "library")[: options.queries]
        windows, by_hand = ask(options.model, folder, asked)
        print(table(json.loads((folder / "marks.json").read_text()), windows, by_hand))


def serve(marks: Path, arguments: list[str]) -> None:
    """`lookalike serve` whose steps are noted."""
    noted: list[tuple[int, str]] = []

    def watch(owner: type, name: str, label: str) -> None:
        step = getattr(owner, name)

        @functools.wraps(step)
        def watched(*given, **named):
            noted.append((time.perf_counter_ns(), f"{label} begins"))
            try:
                return step(*given, **named)
            finally:
                noted.append((time.perf_counter_ns(), f"{label} ends"))

        @functools.wraps(step)
        async def awaited(*given, **named):
            noted.append((time.perf_counter_ns(), f"{label} begins"))
            try:
                return await step(*given, **named)
            finally:
                noted.append((time.perf_counter_ns(), f"{label} ends"))

        setattr(owner, name, awaited if inspect.iscoroutinefunction(step) else watched)

    for place, name, label in STEPS:
        module, _, owner = place.partition(":")
        watch(getattr(__import__(module, fromlist=[owner]), owner), name, label)
    sys.argv = ["lookalike", "serve", *arguments]
    try:
        app.main()
    finally:
        marks.write_text(json.dumps(noted))


class Noting(serving_load.Served):
    """A server whose steps are noted."""

    def __init__(self, library: Path, marks: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        command = [sys.executable, __file__, "--serve", str(marks), "--library", str(library), "--port", str(self.port)]
        self.log = (marks.parent / "serve.log").open("w")
        environment = {**os.environ, "LOOKALIKE_MODELS": serving.MODELS}
        self.process = subprocess.Popen(command, env=environment, stdout=self.log, stderr=self.log)


def ask(model: str, folder: Path, asked: list[bytes]) -> tuple[list[tuple[int, int]], list[float]]:
    """When each query was sent and answered, ns, and how long the same took by hand, ms."""
    library, windows, by_hand = folder / "library" / "library", [], []
    settings = serving.load_settings({"library": library, "models": Path(serving.MODELS), "model": model})
    with (
        serving.open_library(settings, mode="serving") as opened,
        Noting(library, folder / "marks.json") as server,
        serving.connected(server.port) as search,
    ):
        for content in (*asked[:10], *asked):
            request = serving.prepared(content)
            began = time.perf_counter_ns()
            search(request)
            windows.append((began, time.perf_counter_ns()))
            by_hand.append(serving.timed(lambda c=content: serving.decode_and_run(opened.encoder, c))[0])
    return windows[10:], by_hand[10:]


def table(noted: list[tuple[int, str]], windows: list[tuple[int, int]], by_hand: list[float]) -> str:
    """Medians of when each step was reached, and of how long it took from the one before."""
    noted = sorted((at, step) for at, step in noted)
    times = [at for at, _ in noted]
    reached: dict[str, list[float]] = {}
    for began, ended in windows:
        seen = {
            step: (at - began) / 1e6
            for at, step in reversed(noted[bisect_left(times, began) : bisect_right(times, ended)])
        }
        for step, at in {**seen, "the client has the answer": (ended - began) / 1e6}.items():
            reached.setdefault(step, []).append(at)
    usual = {step: statistics.median(at) for step, at in reached.items() if len(at) > len(windows) / 2}
    lines, before = ["| until | ms | after |", "|---|--:|--:|"], 0.0
    for step, at in sorted(usual.items(), key=lambda pair: pair[1]):
        lines.append(f"| {step} | {at - before:.2f} | {at:.2f} |")
        before = at
    ratio = before / statistics.median(by_hand)
    return "\n".join([*lines, "", f"By hand {statistics.median(by_hand):.2f} ms: {ratio:.2f} times."])


if __name__ == "__main__":
    main()
