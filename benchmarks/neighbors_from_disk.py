"""Can vectors that do not fit in memory be indexed and searched here?

    python benchmarks/neighbors_from_disk.py                      # 10,000,000 of 256 dimensions; slow, 11 GB of disk
    python benchmarks/neighbors_from_disk.py --size 1000000

Vectors lie in a file as float16 and are read in blocks; `build_from_blocks` learns from a sample, fills the lists and
writes the vectors that the index maps. A second process, as a server would, opens what was saved and answers 1,000
queries, twice: pages of the vector file are read when they are first touched.

Results go to benchmarks/results/neighbors-SIZE-from-disk.json; `neighbors_report.py` makes the page of them.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Self

import numpy as np
import psutil

import neighbors_vectors
from lookalike.neighbors import BACKENDS, IvfPqBuild, build_parameters
from lookalike.neighbors.lists.fastscan import build_from_blocks

HERE = Path(__file__).parent
_BLOCK = 100_000


class PeakMemory:
    """The most memory that is this process's alone, mapped files not counted, while a thread looks."""

    def __init__(self) -> None:
        self.bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *fault: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        process = psutil.Process()
        while not self._ended.wait(0.2):
            memory = process.memory_info()
            self.bytes = max(self.bytes, memory.rss - memory.shared)


def built(folder: Path, parameters: IvfPqBuild) -> dict[str, float]:
    stored = np.load(folder / "vectors.f16.npy", mmap_mode="r")
    size, dimension = stored.shape

    def blocks():
        for start in range(0, size, _BLOCK):
            yield stored[start : start + _BLOCK].astype(np.float32)

    index_folder = folder / "index"
    index_folder.mkdir(exist_ok=True)
    started, work = time.perf_counter(), time.process_time()
    with PeakMemory() as peak:
        index = build_from_blocks(blocks, size, dimension, working=index_folder, parameters=parameters)
        index.save(index_folder)
    return {
        "build_seconds": time.perf_counter() - started,
        "build_cpu_seconds": time.process_time() - work,
        "build_peak_bytes": peak.bytes,
    }


def served(folder: Path) -> dict[str, Any]:
    queries, truth = np.load(folder / "queries.npy"), np.load(folder / "truth.npy")
    process = psutil.Process()
    before, started = process.memory_info(), time.perf_counter()
    index = BACKENDS["faiss-ivfpq"].open(folder / "index")
    facts: dict[str, Any] = {
        "open_seconds": time.perf_counter() - started,
        "mapped_bytes_after_opening": process.memory_info().shared - before.shared,
        "said_bytes_in_memory": index.bytes_in_memory / index.size,
    }
    for turn in ("first", "second"):
        seconds, rows = [], []
        for query in queries:
            started = time.perf_counter()
            rows.append(index.search(query[None], neighbors_vectors.K).rows[0])
            seconds.append(time.perf_counter() - started)
        facts[f"{turn}_p50_ms"], facts[f"{turn}_p99_ms"] = (1e3 * np.percentile(seconds, [50, 99])).tolist()
    started = time.perf_counter()
    index.search(queries, neighbors_vectors.K)
    facts["batched_per_second"] = len(queries) / (time.perf_counter() - started)
    after = process.memory_info()
    shared = [len(set(a) & set(b)) for a, b in zip(np.array(rows).tolist(), truth.tolist(), strict=True)]
    return facts | {
        "recall": float(np.mean(shared)) / neighbors_vectors.K,
        "memory_bytes": (after.rss - after.shared - before.rss + before.shared) / index.size,
        "mapped_bytes": (after.shared - before.shared) / index.size,
        "searching": str(index.searching),
    }


def in_words(facts: dict) -> dict[str, str]:
    """For the page."""
    return {
        "lists": f"{facts['lists']:,}",
        "built in": f"{facts['build_seconds']:,.0f} s, {facts['build_cpu_seconds']:,.0f} s of processors",
        "most memory while building": f"{facts['build_peak_bytes'] / 1e9:.2f} GB,"
        f" of {facts['float32_bytes'] / 1e9:.1f} GB of vectors as float32",
        "opened in": f"{facts['open_seconds']:.2f} s,"
        f" {facts['mapped_bytes_after_opening'] / 1e6:.0f} MB of mapped files touched",
        "recall@10": f"{facts['recall']:.3f}",
        "one query, p50 / p99, first time": f"{facts['first_p50_ms']:.2f} / {facts['first_p99_ms']:.2f} ms",
        "second time": f"{facts['second_p50_ms']:.2f} / {facts['second_p99_ms']:.2f} ms",
        "batched": f"{facts['batched_per_second']:,.0f} queries a second",
        "bytes a vector in memory": f"{facts['memory_bytes']:.0f}",
        "of the mapped file, touched by 1,000 queries": f"{facts['mapped_bytes']:.0f}",
        "load": " then ".join(map(str, facts["load"])),
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Building and searching an index of vectors on disk.")
    parser.add_argument("--size", type=int, default=10_000_000)
    parser.add_argument("--lists", type=int, help="instead of what suits the size; fewer are built sooner")
    parser.add_argument("--memory", choices=["usual", "codes", "small"], default="usual")
    parser.add_argument("--folder", type=Path, help="keep vectors and index here; vectors found here are used")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def measured(folder: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    if not (folder / "truth.npy").exists():
        neighbors_vectors.prepare(folder, chosen.size)
    parameters = build_parameters(chosen.size, neighbors_vectors.DIMENSION, memory=chosen.memory)
    if chosen.lists:
        parameters = IvfPqBuild(lists=chosen.lists, subquantizers=parameters.subquantizers, refine=parameters.refine)
    load = [round(os.getloadavg()[1], 1)]
    facts = built(folder, parameters)
    print(facts, flush=True)
    command = [sys.executable, __file__, "--serve", "--folder", str(folder)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    load.append(round(os.getloadavg()[1], 1))
    float32_bytes = chosen.size * neighbors_vectors.DIMENSION * 4
    served_facts: dict[str, Any] = json.loads(answer)
    return facts | served_facts | {"lists": parameters.lists, "float32_bytes": float32_bytes, "load": load}


def main() -> None:
    chosen = arguments()
    if chosen.serve:
        print(json.dumps(served(chosen.folder)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        folder.mkdir(exist_ok=True, parents=True)
        facts = measured(folder, chosen)
    shown = [f"--size {chosen.size}", *([f"--lists {chosen.lists}"] if chosen.lists else [])]
    document = {
        "command": f"python benchmarks/neighbors_from_disk.py {' '.join([*shown, f'--memory {chosen.memory}'])}",
        "size": chosen.size,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB",
        "measured": facts,
        "facts": in_words(facts),
    }
    chosen.results.mkdir(exist_ok=True)
    path = chosen.results / f"neighbors-{chosen.size}-from-disk.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(document["facts"], indent=1))


if __name__ == "__main__":
    main()
