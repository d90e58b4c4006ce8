"""Threads for one kind of work: they take what is most urgent first, and yield the processor to more urgent kinds."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from lookalike.niceness import be_nice

T = TypeVar("T")

_MOST_SECONDS_TO_GIVE_WAY = 0.01
_CHECKS = 10  # in that time
_HEAD_START = 0.05
"""Seconds, for each rank, that more urgent work may come later and still go first: less urgent work never starves."""


class WorkerThreads:
    """Threads that are started when needed, and do not keep the program from ending.

    Only one thread at a time can run Python. Two that run little else finish no more work than one does, and keep the
    threads of more urgent kinds from Python's lock. Work that takes long, because it waits for a disk or a database or
    runs outside Python, is spread over spare threads all the same: they run what has waited for some time.

    Args:
        name: of the threads.
        count: of the threads that run what comes.
        spare: threads beside them.
        spare_after: seconds that work waits before a spare thread runs it.
        niceness: 0 to 19, as `nice` has it: how much more readily than the main thread they yield the processor to
            other threads (Linux only).
        give_way: whether more urgent work runs elsewhere. Whoever runs Python keeps all others waiting, whatever their
            priority: so a thread waits before it begins work then, for a hundredth of a second at most, and not again
            for as long as it waited.
    """

    def __init__(
        self,
        name: str,
        count: int,
        *,
        spare: int = 0,
        spare_after: float = 0.25,
        niceness: int = 0,
        give_way: Callable[[], bool] | None = None,
    ) -> None:
        self._name = name
        self._count = count
        self._most = count + spare
        self._spare_after = spare_after
        self._niceness = niceness
        self._give_way = give_way
        self._gave_way_until = 0.0
        self._waiting: list[tuple[float, int, Future[Any], Callable[[], Any]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._busy = 0
        self._visitors = 0
        self._closed = False

    @property
    def visitors(self) -> int:
        """Calls that run in threads of others, in the place of one of these."""
        return self._visitors

    def submit(self, work: Callable[[], T], *, rank: int = 0) -> Future[T]:
        """Run that soon; work of a lower rank first, and what came first among equals.

        Each rank gives a head start of 0.05 s: what has waited for longer than that goes before newer work.
        """
        future: Future[T] = Future()
        with self._changed:
            if self._closed:
                raise RuntimeError(f"the threads of {self._name} have ended")
            turn = time.monotonic() + rank * _HEAD_START
            heapq.heappush(self._waiting, (turn, next(self._order), future, work))
            if self._idle < len(self._waiting) and len(self._threads) < self._most:
                thread = threading.Thread(target=self._run, name=f"lookalike-{self._name}", daemon=True)
                self._threads.append(thread)
                thread.start()
            elif self._busy < self._count or len(self._waiting) == 1:  # behind others somebody looks at the time
                self._changed.notify()
        return future

    def run_here(self, work: Callable[[], T]) -> tuple[T] | None:
        """Run that in the calling thread, in the place of one of these, where one is free and nothing waits.

        Handing work to another thread, and waking it, takes a tenth of a millisecond and more.

        Returns:
            Its result alone; None where it was not run.
        """
        with self._changed:
            if self._closed or self._waiting or self._busy >= self._count:
                return None
            self._busy += 1
            self._visitors += 1
        try:
            return (work(),)
        finally:
            with self._changed:
                self._visitors -= 1
                self._busy -= 1
                if self._waiting:
                    self._changed.notify()

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
        be_nice(self._niceness)
        while True:
            taken = self._take()
            if taken is None:
                return
            future, work = taken
            if future.set_running_or_notify_cancel():
                self._let_others_go_first()
                try:
                    result = work()
                except BaseException as fault:  # noqa: BLE001 - it is raised where the work was asked for
                    future.set_exception(fault)
                else:
                    future.set_result(result)
                    del result
            del taken, future, work  # while it waits, a thread keeps nothing of what it did
            with self._changed:
                self._busy -= 1

    def _take(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        """The next piece of work, once there is one that may run; None at the end."""
        with self._changed:
            while not self._waiting or self._pause() > 0:
                if self._closed:
                    return None
                self._idle += 1
                self._changed.wait(self._pause() if self._waiting else None)
                self._idle -= 1
            self._busy += 1
            _, _, future, work = heapq.heappop(self._waiting)
            if self._waiting and self._busy >= self._count:
                self._changed.notify()  # one more looks at the time of what waits now
            return future, work

    def _let_others_go_first(self) -> None:
        began = time.monotonic()
        if self._give_way is None or began < self._gave_way_until or not self._give_way():
            return
        for _ in range(_CHECKS):
            time.sleep(_MOST_SECONDS_TO_GIVE_WAY / _CHECKS)
            if not self._give_way():
                break
        now = time.monotonic()
        self._gave_way_until = now + (now - began)

    def _pause(self) -> float:
        """Seconds until one more thread may run what waits."""
        if self._busy < self._count:
            return 0.0
        if self._busy >= self._most:
            return threading.TIMEOUT_MAX
        return self._waiting[0][0] + self._spare_after - time.monotonic()
