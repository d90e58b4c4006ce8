"""Threads for one kind of work: they take what is most urgent first, and yield the processor to more urgent kinds."""

import contextlib
import heapq
import itertools
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class WorkerThreads:
    """Threads that are started when needed, and do not keep the program from ending.

    Args:
        name: of the threads.
        count: of the threads.
        niceness: 0 to 19, as `nice` has it: how much more readily than the main thread they yield the processor to
            other threads (Linux only).
    """

    def __init__(self, name: str, count: int, *, niceness: int = 0) -> None:
        self._name = name
        self._count = count
        self._niceness = niceness
        self._waiting: list[tuple[int, int, Future[Any], Callable[[], Any]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False

    def submit(self, work: Callable[[], T], *, rank: int = 0) -> Future[T]:
        """Run that soon; work of a lower rank first, and what came first among equals."""
        future: Future[T] = Future()
        with self._changed:
            if self._closed:
                raise RuntimeError(f"the threads of {self._name} have ended")
            heapq.heappush(self._waiting, (rank, next(self._order), future, work))
            if self._idle < len(self._waiting) and len(self._threads) < self._count:
                thread = threading.Thread(target=self._run, name=f"lookalike-{self._name}", daemon=True)
                self._threads.append(thread)
                thread.start()
            else:
                self._changed.notify()
        return future

    def close(self, *, seconds: float) -> bool:
        """Drop what waits, and give what runs that long; False where something still runs then."""
        with self._changed:
            self._closed = True
            for _, _, future, _ in self._waiting:
                future.cancel()
            self._waiting.clear()
            self._changed.notify_all()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        if self._niceness and sys.platform == "linux":  # elsewhere threads have no priority of their own
            with contextlib.suppress(OSError):
                usual = os.getpriority(os.PRIO_PROCESS, os.getpid())  # of the main thread, which may be nice itself
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), usual + self._niceness)
        while True:
            with self._changed:
                while not self._waiting:
                    if self._closed:
                        return
                    self._idle += 1
                    self._changed.wait()
                    self._idle -= 1
                _, _, future, work = heapq.heappop(self._waiting)
            if future.set_running_or_notify_cancel():
                try:
                    result = work()
                except BaseException as fault:  # noqa: BLE001 - it is raised where the work was asked for
                    future.set_exception(fault)
                else:
                    future.set_result(result)
                    del result
            del future, work  # while it waits, a thread keeps nothing of what it did
