"""One contestant of `neighbors.py`, in its own process: answers one JSON line with another.

Imports nothing but numpy, psutil and what the contestant needs, so that any Python that has these can run it.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from neighbors_contestants import K, contestant
from neighbors_vectors import QUERIES, SHARES, Truth, masks

_MOST_SECONDS = 12.0  # of batched queries at one setting: the slow ones answer fewer
_BATCH_SECONDS = 2.0  # what a batch of one turn may take
_SMALLEST_BATCH = 20


class Contest:
    """What the parent may ask."""

    def __init__(self, name: str, shared: Path, threads: int) -> None:
        self.shared, self.threads = shared, threads
        self.folder = shared / name.replace(" ", "-").replace(",", "")
        self.one = contestant(name, threads)
        self.folder = shared / getattr(self.one, "of", name).replace(" ", "-").replace(",", "")
        self.queries = np.load(shared / "queries.npy")
        self.truth = np.load(shared / "truth.npy")
        self.asked_at_once = QUERIES

    def build(self):
        """Seconds to build and save, by the clock and of all processors, those of child processes included."""
        self.folder.mkdir(exist_ok=True)
        vectors = np.load(self.shared / "vectors.f16.npy", mmap_mode="r").astype(np.float32)
        started, work = time.perf_counter(), self.processor_seconds()
        self.one.build(vectors, self.folder)
        return {"build_seconds": time.perf_counter() - started, "build_cpu_seconds": self.processor_seconds() - work}

    def processor_seconds(self):
        times = [process.cpu_times() for process in self.family()]
        return sum(t.user + t.system + t.children_user + t.children_system for t in times)

    def family(self):
        """This process, its children, and servers that were started on its folder, with theirs."""
        own = psutil.Process()
        found = {own.pid: own}
        for process in [own, *psutil.process_iter(["cmdline"])]:
            if process.pid == own.pid or str(self.folder) + "/" in " ".join(process.info["cmdline"] or ()):
                found |= {one.pid: one for one in [process, *process.children(recursive=True)]}
        return list(found.values())

    def open(self):
        """What opening and having answered every query adds to the process, children included."""
        before = self.resident()
        size = len(np.load(self.shared / "vectors.f16.npy", mmap_mode="r"))
        started = time.perf_counter()
        self.one.open(self.folder, size)
        opened = time.perf_counter() - started
        self.one.use(self.threads)
        self.one.set(self.one.settings[0])
        self.find(self.queries[:_SMALLEST_BATCH])
        self.settle()
        added = {kind: (self.resident()[kind] - before[kind]) / size for kind in before}
        files = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        return {
            "open_seconds": opened,
            "memory_bytes": added["anonymous"],
            "mapped_bytes": added["file"],
            "disk_bytes": files / size,
            "settings": list(self.one.settings),
            "store": self.one.store,
            "filters": self.one.filters,
            **self.one.facts(),
        }

    def settle(self):
        """Every query once, but no longer than a while: lists and graphs are touched, and caches are warm."""
        until = time.perf_counter() + _MOST_SECONDS
        for start in range(0, QUERIES, 50):
            self.find(self.queries[start : start + 50])
            if time.perf_counter() > until:
                return

    def resident(self):
        """Bytes that belong to the process alone, and bytes of files that it has mapped; with its children."""
        memory = [process.memory_info() for process in self.family()]
        shared = sum(m.shared for m in memory)
        return {"anonymous": sum(m.rss for m in memory) - shared, "file": shared}

    def find(self, queries):
        return self.one.search(queries)

    def setting(self, **setting):
        """Recall@10 in batches, and queries a second; as many queries as their time allows."""
        self.one.set(setting)
        found, spent = [], 0.0
        step = QUERIES
        self.find(self.queries[:_SMALLEST_BATCH])  # the first time, pages of files are read
        probe = self.timed(self.queries[:_SMALLEST_BATCH])
        if probe[1] * QUERIES / _SMALLEST_BATCH > _MOST_SECONDS:
            step = _SMALLEST_BATCH
        for start in range(0, QUERIES, step):
            rows, seconds = self.timed(self.queries[start : start + step])
            found.append(rows)
            spent += seconds
            if spent > _MOST_SECONDS:
                break
        rows = np.concatenate(found)
        per_second = len(rows) / spent
        self.asked_at_once = int(np.clip(per_second * _BATCH_SECONDS, _SMALLEST_BATCH, step))
        return {"recall": recall(rows, self.truth[: len(rows)]), "batched_per_second": per_second}

    def timed(self, queries):
        started = time.perf_counter()
        rows = self.find(queries)
        return rows, time.perf_counter() - started

    def singles(self, turn):
        """Seconds for each of a few queries, asked one by one on one thread."""
        self.one.use(1)
        count = self.one.single_queries
        places = (np.arange(count) + turn * count) % QUERIES
        seconds = [self.timed(self.queries[place : place + 1])[1] for place in places]
        self.one.use(self.threads)
        return {"seconds": seconds}

    def batch(self):
        """Queries a second, all at once on all cores."""
        queries = self.queries[: self.asked_at_once]
        return {"per_second": len(queries) / self.timed(queries)[1]}

    def filtered(self):
        """Recall@10 and milliseconds a query, with a share of the rows allowed; at the setting in use."""
        vectors = np.load(self.shared / "vectors.f16.npy", mmap_mode="r").astype(np.float32)
        count = min(QUERIES, 4 * self.one.single_queries)
        answers = {}
        for share in SHARES:
            mask = masks(len(vectors))[share]
            truth = Truth(self.queries[:count])
            truth.see(vectors, 0, mask)
            self.one.allow(mask)
            self.one.use(1)
            self.find(self.queries[:1])
            timed = [self.timed(self.queries[place : place + 1]) for place in range(count)]
            rows = np.concatenate([rows for rows, _ in timed])
            answers[str(share)] = {
                "recall": recall(rows, truth.rows),
                "p50_ms": 1e3 * float(np.median([seconds for _, seconds in timed])),
                "refused_rows": int(np.count_nonzero(~mask[rows[rows >= 0]])),
            }
        self.one.allow(None)
        self.one.use(self.threads)
        return answers


def recall(found, truth):
    shared = [len(set(a) & set(b) - {-1}) for a, b in zip(found.tolist(), truth.tolist(), strict=True)]
    return float(np.mean(shared)) / K


def main():
    name, shared, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    answers = sys.stdout
    sys.stdout = sys.stderr  # libraries that print must not disturb the conversation
    contest = Contest(name, shared, threads)
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        print(json.dumps(getattr(contest, request.pop("do"))(**request)), file=answers, flush=True)


if __name__ == "__main__":
    main()
