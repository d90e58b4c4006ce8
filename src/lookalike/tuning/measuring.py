"""One index with one setting: what it finds, how fast, and in how much memory."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.neighbors import VectorIndex
from lookalike.snapshot import Recall, Truth
from lookalike.types import Vectors

CONFIDENCE = 0.95
_CHUNK = 500  # queries a batch
_AMONG = "images that are not asked with"
PATIENCE = 15.0  # seconds for one recall: baselines that take a second a query are measured with fewer of them
_HOPELESS = 4.0  # standard errors below the goal at which more queries change nothing
_ROUNDS = 8
_SINGLES = 400
_FEWEST_SINGLES = 20
_SECONDS_A_ROUND = 1.0
_SECONDS_IN_ALL = 2.0  # after which no further round begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What an index with one setting was measured to do.

    Attributes:
        backend: a key of `BACKENDS`.
        building: its build parameters.
        searching: its search parameters.
        recall: recall@10 over the queries to choose with.
        checked: the same over queries that nothing was chosen with; None where `recall` falls short already.
        p50_seconds: half of the single queries took no longer.
        p99_seconds: 99 of 100 took no longer.
        queries_per_second: in batches, on all cores.
        bytes_in_memory: that searching the whole library needs.
        bytes_mapped: of files beside that, which the system keeps in memory while there is room; the times here are
            of searches that found them there.
        size: images in the whole library.
        build_seconds: on all cores.
        truth: it is exact search, whose recall is no estimate.
    """

    backend: str
    building: Any
    searching: Any
    recall: Recall
    checked: Recall | None
    p50_seconds: float
    p99_seconds: float
    queries_per_second: float
    bytes_in_memory: int
    bytes_mapped: int
    size: int
    build_seconds: float
    truth: bool = False

    @property
    def bytes_per_vector(self) -> float:
        """In memory, mapped files left out."""
        return self.bytes_in_memory / max(self.size, 1)

    def reaches(self, recall: float) -> bool:
        """Whether it finds that share, surely enough, and also for the queries that nothing was chosen with."""
        return surely_reaches(self.recall, recall, truth=self.truth) and (
            self.checked is not None and self.checked.mean >= recall
        )


def surely_reaches(measured: Recall, goal: float, *, truth: bool) -> bool:
    """Whether a recall is at least the goal with `CONFIDENCE`; that of exact search is not in doubt."""
    return measured.mean >= goal if truth else measured.at_least(CONFIDENCE) >= goal


def batched_recall(
    index: VectorIndex, truth: Truth, vectors: Vectors, *, goal: float, patience: float = PATIENCE
) -> tuple[Recall, float]:
    """Recall@10, and queries a second in batches.

    Stops early when the goal is clearly out of reach, or when the queries take too long; the recall's standard error
    says so.

    Args:
        index: over `vectors`.
        truth: queries and their true neighbours.
        vectors: [size, dimension] float32.
        goal: the recall that matters.
        patience: seconds of searching after which what is known has to do.
    """
    shares: list[NDArray[np.float64]] = []
    spent, done = 0.0, 0
    while done < len(truth.queries):
        chunk = truth.queries[done : done + (_CHUNK if spent or len(truth.queries) <= _CHUNK else _CHUNK // 5)]
        started = time.perf_counter()
        found = index.search(chunk, truth.asked_for)
        spent += time.perf_counter() - started
        shares.append(truth.shares(found.rows, vectors.__getitem__, start=done))
        done += len(chunk)
        so_far = Recall.of(np.concatenate(shares), among=_AMONG)
        if spent > patience or (done >= _CHUNK and so_far.mean + _HOPELESS * so_far.standard_error < goal):
            break
    return Recall.of(np.concatenate(shares), among=_AMONG), done / max(spent, 1e-9)


def single_seconds(index: VectorIndex, queries: Vectors, k: int) -> tuple[float, float]:
    """The median and the 99th percentile of one query's time, in seconds.

    Each query is asked up to eight times (three times, where that takes seconds) and its best time counts: what other
    programs on the machine took is left out, what differs from query to query stays.

    Args:
        index: warm: it answered a batch before.
        queries: [queries, dimension] float32.
        k: neighbours asked for.
    """
    asked = min(len(queries), _SINGLES)
    best = np.full(asked, np.inf)
    begun = time.perf_counter()
    for _ in range(_ROUNDS):
        if time.perf_counter() - begun > _SECONDS_IN_ALL:
            break
        until = time.perf_counter() + _SECONDS_A_ROUND
        for place in range(asked):
            started = time.perf_counter()
            index.search(queries[place : place + 1], k)
            ended = time.perf_counter()
            best[place] = min(best[place], ended - started)
            if ended > until and place >= _FEWEST_SINGLES:
                asked = place + 1
                break
    times = best[:asked]
    return float(np.percentile(times, 50)), float(np.percentile(times, 99))
