"""How many threads Faiss may use, and where; and how it may sum while others search or build."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import faiss

from lookalike.types import Vectors

_Block = TypeVar("_Block")
_Answer = TypeVar("_Answer")

SMALL_BLOCK = 16
"""So many queries are always summed one by one."""

_LARGE_BLOCK = 1_000
_SUMMED_ALONE = 1 << 30
_USUAL_THRESHOLD: int = faiss.cvar.distance_compute_blas_threshold


class SumsInTurn:
    """Lets large blocks of queries be searched with the sums of single ones.

    From 20 queries on, Faiss finds the nearest lists by a matrix product, whose sums differ in last digits, and a last
    digit could choose another list. How many queries that takes is one setting for the whole process: it is raised
    while large blocks are searched (in which lists are scanned for many queries at once, half as long again as fast),
    and left alone while an index is built, since k-means without matrix products would take hours.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._searching = 0
        self._building = 0

    @contextlib.contextmanager
    def large_blocks(self) -> Iterator[bool]:
        """Whether large blocks may be searched inside: not while an index is built in this process."""
        with self._changed:
            allowed = not self._building
            if allowed:
                self._searching += 1
                faiss.cvar.distance_compute_blas_threshold = _SUMMED_ALONE
        try:
            yield allowed
        finally:
            if allowed:
                self._finish_search()

    @contextlib.contextmanager
    def building(self) -> Iterator[None]:
        """Wait until the large blocks that are being searched are done; others are small from now on."""
        with self._changed:
            self._building += 1
            while self._searching:
                self._changed.wait()
        try:
            yield
        finally:
            with self._changed:
                self._building -= 1

    def _finish_search(self) -> None:
        with self._changed:
            self._searching -= 1
            if not self._searching:
                faiss.cvar.distance_compute_blas_threshold = _USUAL_THRESHOLD
                self._changed.notify_all()


SUMS = SumsInTurn()
"""The process's own, as Faiss's setting is."""


def cores() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def openmp_threads(count: int) -> Iterator[None]:
    """Let Faiss use so many threads for calls from the current thread only; OpenMP keeps the setting by thread."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def each_large_block(search: Callable[[Vectors], _Answer], queries: Vectors) -> list[_Answer]:
    """Search queries on all cores in as large blocks as may be, in order; see `each_block` and `SumsInTurn`.

    Args:
        search: answers a block, [n, dimension], each query as if it were alone.
        queries: [queries, dimension] float32.
    """
    with SUMS.large_blocks() as allowed:
        fair = -(-len(queries) // cores())
        size = min(max(fair, SMALL_BLOCK), _LARGE_BLOCK) if allowed else SMALL_BLOCK
        return each_block(search, [queries[start : start + size] for start in range(0, len(queries), size)])


def each_block(search: Callable[[_Block], _Answer], blocks: Sequence[_Block]) -> list[_Answer]:
    """Search blocks of queries on all cores, in order.

    All batches of a process share one pool with a thread for each core, so many callers do not crowd the machine.
    OpenMP inside Faiss is off in these threads: its threads wait for each other in short loops, which on a busy
    machine made batches twenty times slower.
    """
    return list(_pool(os.getpid()).map(search, blocks))


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """One pool a process: threads do not survive a fork."""
    del process
    return ThreadPoolExecutor(cores(), "neighbors", initializer=faiss.omp_set_num_threads, initargs=(1,))
