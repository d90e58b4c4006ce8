"""How fast, how right and how large is each way to find neighbours?

    python benchmarks/neighbors.py             # 200,000 vectors of 256 dimensions
    python benchmarks/neighbors.py --large     # and 1,000,000

Competitors: every backend of `lookalike.neighbors` through `VectorIndex.search`, the Faiss index inside `faiss-ivfpq`
called directly, and Faiss HNSW32 (flat) at the least `efSearch` that reaches the same recall. Each runs in a process
of its own. A parent asks them in turn for a few queries at a time, so that whatever else the machine does falls on all
alike: read the ratios, not the milliseconds. Single queries take one thread; batches all cores.

The vectors are synthetic, made like embeddings of photos: 1,000 themes, each with its own 32 directions in which its
motifs and pictures vary (spread 1 and 1.25), motif sizes by a power law, a little noise in all directions, then unit
length. Product quantisation, lists and graphs find them about as hard as published embeddings (recall of the codes
alone 0.8). Queries are further draws, not stored ones.

Results go to benchmarks/results/neighbors.json and .md.
"""

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import psutil

from lookalike.neighbors import BACKENDS, IvfPqIndex, build_parameters, nearest_to_many, search_parameters

RESULTS = Path(__file__).parent / "results"
K = 10
DIMENSION = 256
QUERIES = 1_000
ROUNDS = 12
SINGLES_A_ROUND = 100
HNSW_EFFORTS = (*range(16, 128, 8), *range(128, 513, 32))
HEADINGS = (
    "",
    "recall@10",
    "p50 ms",
    "p99 ms",
    "single x ours",
    "batched q/s",
    "batched x ours",
    "build s",
    "build x ours",
    "in processor time",
    "resident MB",
    "bytes a vector in RAM",
    "on disk",
)
OURS, RAW, HNSW, EXACT, CODES = (
    "lookalike faiss-ivfpq",
    "the same Faiss index, called directly",
    "Faiss HNSW32 flat",
    "lookalike exact",
    "lookalike faiss-ivfpq, no refine",
)


def clustered(count, *, seed=0):
    """[count, DIMENSION] float32 unit rows; see the module's docstring."""
    random = np.random.default_rng(seed)
    themes, rank, motifs = 1_000, 32, max(count // 100, 50)
    centres = 0.45 * random.standard_normal((themes, DIMENSION), dtype=np.float32)
    bases = random.standard_normal((themes, rank, DIMENSION), dtype=np.float32) / np.float32(np.sqrt(rank))
    theme_of = random.integers(0, themes, motifs)
    share = np.arange(1, motifs + 1) ** -0.7
    motif_of = random.choice(motifs, count, p=share / share.sum())
    motif = random.standard_normal((motifs, rank), dtype=np.float32)
    vectors = 0.25 * random.standard_normal((count, DIMENSION), dtype=np.float32)
    for theme in range(themes):
        rows = np.flatnonzero(theme_of[motif_of] == theme)
        reach = 1.25 * random.uniform(0.5, 1.5, (len(rows), 1)).astype(np.float32)
        within = motif[motif_of[rows]] + reach * random.standard_normal((len(rows), rank), dtype=np.float32)
        vectors[rows] += centres[theme] + within @ bases[theme]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors[random.permutation(count)]


# ---- one competitor, in its own process ----


class Competitor:
    """Answers the parent's requests, one JSON line each."""

    def __init__(self, name, folder, threads):
        self.name, self.folder, self.threads = name, folder, threads
        self.queries = np.load(folder / "queries.npy")
        self.truth = np.load(folder / "truth.npy")
        self.file = folder / f"{name.replace(' ', '-').replace(',', '')}"
        self.index: Any = None
        self.parts: list[Any] = []
        faiss.omp_set_num_threads(threads)

    def build(self):
        """Seconds to build, by the clock and of all processors."""
        vectors = np.load(self.folder / "vectors.npy")
        started, work = time.perf_counter(), time.process_time()
        if self.name == HNSW:
            index = faiss.IndexHNSWFlat(DIMENSION, 32, faiss.METRIC_INNER_PRODUCT)
            index.add(vectors)
        elif self.name == EXACT:
            index = BACKENDS["exact"].build(vectors)
        else:
            parameters = build_parameters(*vectors.shape, refine=self.name != CODES)
            index = BACKENDS["faiss-ivfpq"].build(vectors, parameters=parameters, threads=self.threads)
        took = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - work}
        if self.name == HNSW:
            faiss.write_index(index, str(self.file))
        else:
            self.file.mkdir(exist_ok=True)
            index.save(self.file)
        return took

    def open(self):
        """Open what was built; resident bytes after every query was searched once."""
        if self.name == HNSW:
            self.index = faiss.read_index(str(self.file))
        elif self.name == RAW:
            ours = self.folder / OURS.replace(" ", "-")
            self.parts = [faiss.read_index(str(ours / name)) for name in ("lists.faiss", "vectors.faiss")]
            self.index = faiss.IndexRefine(*self.parts)
            searching = search_parameters(build_parameters(self.index.ntotal, DIMENSION))
            faiss.downcast_index(self.index.base_index).nprobe = searching.probes
            self.index.k_factor = searching.candidates_for(K) / K
        else:
            self.index = BACKENDS["exact" if self.name == EXACT else "faiss-ivfpq"].open(self.file)
        self.batch()
        size = sum(f.stat().st_size for f in self.file.glob("*")) if self.file.is_dir() else 0
        size = self.file.stat().st_size if self.file.is_file() else size
        probes = self.index.searching.probes if isinstance(self.index, IvfPqIndex) else None
        return {"resident_bytes": psutil.Process().memory_info().rss, "file_bytes": size, "probes": probes}

    def search(self, queries):
        if self.name in (HNSW, RAW):
            return self.index.search(queries, K)[1]
        return self.index.search(queries, K).rows

    def recall(self):
        found = np.concatenate([self.search(self.queries[i : i + 1]) for i in range(len(self.queries))])
        shared = [len(set(a) & set(b)) for a, b in zip(found.tolist(), self.truth.tolist(), strict=True)]
        return {"recall": float(np.mean(shared)) / K}

    def reach(self, recall):
        """HNSW: the least effort that reaches a recall."""
        for effort in HNSW_EFFORTS:
            self.index.hnsw.efSearch = effort
            if self.recall()["recall"] >= recall:
                break
        return {"ef_search": effort}

    def singles(self, start):
        """Seconds for each of a few queries, asked one by one on one thread."""
        faiss.omp_set_num_threads(1)
        seconds = []
        for place in range(start, start + SINGLES_A_ROUND):
            query = self.queries[place % QUERIES][None]
            started = time.perf_counter()
            self.search(query)
            seconds.append(time.perf_counter() - started)
        faiss.omp_set_num_threads(self.threads)
        return {"seconds": seconds}

    def batch(self):
        """Queries a second, all at once on all cores."""
        started = time.perf_counter()
        self.search(self.queries)
        return {"per_second": QUERIES / (time.perf_counter() - started)}


def compete(name, folder, threads):
    competitor = Competitor(name, folder, threads)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(getattr(competitor, request.pop("do"))(**request)), flush=True)


# ---- the parent ----


class Process:
    """A competitor, from the parent's side."""

    def __init__(self, name, folder, threads):
        command = [sys.executable, __file__, "--compete", name, "--folder", str(folder), "--threads", str(threads)]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
        pipe = subprocess.PIPE
        self.process: Any = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    def ask(self, do, **arguments):
        self.process.stdin.write(json.dumps({"do": do} | arguments) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


@contextlib.contextmanager
def opened(names, folder, threads):
    processes = {name: Process(name, folder, threads) for name in names}
    try:
        yield processes
    finally:
        for process in processes.values():
            process.close()


def built(names, folder, threads):
    """Build one after the other, ours again at the end: the machine's load drifts."""
    times: dict[str, list[dict[str, float]]] = {}
    for name in [*names, OURS]:
        with opened([name], folder, threads) as processes:
            times.setdefault(name, []).append(processes[name].ask("build"))
        print(f"  built {name}: {times[name][-1]}", flush=True)
    return {
        name: {key: float(np.mean([took[key] for took in all_])) for key in all_[0]} for name, all_ in times.items()
    }


def measured(size, threads):
    print(f"{size:,} vectors", flush=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        vectors = clustered(size + QUERIES)
        stored, queries = vectors[:size], vectors[size:]
        np.save(folder / "vectors.npy", stored)
        np.save(folder / "queries.npy", queries)
        np.save(folder / "truth.npy", nearest_to_many(stored, queries, K)[0])
        del vectors, stored, queries
        took = built([OURS, HNSW, CODES, EXACT], folder, threads)
        with opened([OURS, RAW, HNSW, CODES, EXACT], folder, threads) as processes:
            return rows(processes, size, took)


def rows(processes, size, took):
    facts = {name: process.ask("open") for name, process in processes.items()}
    ours = processes[OURS].ask("recall")["recall"]
    facts[HNSW] |= processes[HNSW].ask("reach", recall=ours)
    singles: dict[str, list[Any]] = {name: [] for name in processes}
    batches: dict[str, list[Any]] = {name: [] for name in processes}
    for turn in range(ROUNDS):
        for name, process in processes.items():
            singles[name].append(process.ask("singles", start=turn * SINGLES_A_ROUND)["seconds"])
        for name, process in processes.items():
            batches[name].append(process.ask("batch")["per_second"])
    return [
        {
            "name": name,
            "size": size,
            "recall_at_10": processes[name].ask("recall")["recall"],
            "p50_ms": 1e3 * float(np.median(singles[name])),
            "p99_ms": 1e3 * float(np.percentile(singles[name], 99)),
            "single_per_second_to_ours": ratio(singles[OURS], singles[name]),
            "batched_per_second": float(np.median(batches[name])),
            "batched_to_ours": float(np.median(np.array(batches[name]) / np.array(batches[OURS]))),
            "build_seconds": took[name]["seconds"] if name in took else None,
            "build_to_ours": took[name]["seconds"] / took[OURS]["seconds"] if name in took else None,
            "build_work_to_ours": took[name]["cpu_seconds"] / took[OURS]["cpu_seconds"] if name in took else None,
            "resident_mb": facts[name]["resident_bytes"] / 1e6,
            "bytes_a_vector_in_memory": facts[name]["resident_bytes"] / size,
            "bytes_a_vector_on_disk": facts[name]["file_bytes"] / size or None,
        }
        | {key: facts[name][key] for key in ("probes", "ef_search") if facts[name].get(key)}
        for name in processes
    ]


def ratio(ours, theirs):
    """Their queries a second over ours, the median over rounds that ran side by side."""
    return float(np.median(np.median(ours, axis=1) / np.median(theirs, axis=1)))


def table(results, command):
    lines = [
        "# Nearest neighbours",
        "",
        f"`{command}`, {platform.machine()}, {os.cpu_count()} cores, Faiss {faiss.__version__}, k = {K}.",
        "Other programs ran on the machine: read ratios. `x ours` is queries a second over those of",
        f"`{OURS}`, the median of {ROUNDS} rounds side by side; for building it is seconds over seconds.",
        "Resident is the whole process, interpreter and libraries included, mapped files counted.",
        "",
    ]
    for size in sorted({row["size"] for row in results}):
        lines += [
            f"## {size:,} vectors of {DIMENSION} dimensions",
            "",
            f"| {' | '.join(HEADINGS)} |",
            "|---" * len(HEADINGS) + "|",
            *(markdown(row) for row in results if row["size"] == size),
            "",
        ]
    return "\n".join(lines)


def markdown(row):
    def number(value, form):
        return "-" if value is None else format(value, form)

    setting = f" (efSearch {row['ef_search']})" if "ef_search" in row else ""
    setting = f" ({row['probes']} probes)" if "probes" in row else setting
    cells = [
        row["name"] + setting,
        number(row["recall_at_10"], ".3f"),
        number(row["p50_ms"], ".3f"),
        number(row["p99_ms"], ".3f"),
        number(row["single_per_second_to_ours"], ".2f"),
        number(row["batched_per_second"], ",.0f"),
        number(row["batched_to_ours"], ".2f"),
        number(row["build_seconds"], ".1f"),
        number(row["build_to_ours"], ".2f"),
        number(row["build_work_to_ours"], ".2f"),
        number(row["resident_mb"], ",.0f"),
        number(row["bytes_a_vector_in_memory"], ",.0f"),
        number(row["bytes_a_vector_on_disk"], ",.0f"),
    ]
    return f"| {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser(description="Nearest neighbours: speed, recall, memory, as ratios in one run.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[200_000])
    parser.add_argument("--large", action="store_true", help="1,000,000 vectors too")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--compete", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.compete:
        compete(chosen.compete, chosen.folder, chosen.threads)
        return
    results = [row for size in chosen.sizes + [1_000_000] * chosen.large for row in measured(size, chosen.threads)]
    command = " ".join(["python benchmarks/neighbors.py", *sys.argv[1:]])
    chosen.results.mkdir(exist_ok=True)
    document = {"command": command, "faiss": faiss.__version__, "cores": os.cpu_count(), "results": results}
    (chosen.results / "neighbors.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (chosen.results / "neighbors.md").write_text(table(results, command), encoding="utf-8")
    print(table(results, command))


if __name__ == "__main__":
    main()
