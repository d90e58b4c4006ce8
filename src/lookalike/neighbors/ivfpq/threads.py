"""How many threads Faiss may use, and where."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import faiss

_Block = TypeVar("_Block")
_Answer = TypeVar("_Answer")


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
