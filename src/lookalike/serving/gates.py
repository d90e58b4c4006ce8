"""Bounded queues before the threads that do the work: the event loop never computes, and no queue grows."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from lookalike.serving.problems import refused

P = ParamSpec("P")
T = TypeVar("T")


class Gate:
    """Threads for one kind of work, and a bounded number of requests that wait for them.

    Args:
        name: in metrics and thread names.
        workers: calls that run at once.
        waiting: requests that may wait beside them; one more is refused with `busy`.
    """

    def __init__(self, name: str, *, workers: int, waiting: int) -> None:
        self.name = name
        self.refusals = 0
        self._workers = workers
        self._places = workers + waiting
        self._taken = 0
        self._running = 0
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=f"lookalike-{name}")

    @property
    def running(self) -> int:
        """Calls in a thread, or about to be."""
        return min(self._running, self._workers)

    @property
    def waiting(self) -> int:
        """Requests that hold a place and do not run: they wait for a thread, or their body is still coming."""
        return self._taken - self.running

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place while the body comes and the work runs. Only for the event loop's thread.

        Raises:
            Refused: `busy`: every place is taken.
        """
        if self._taken >= self._places:
            self.refusals += 1
            detail = f"{self._taken} requests are being served or wait already; try again in a moment"
            raise refused("busy", detail, headers={"Retry-After": "1"})
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking work in a thread; the caller must hold a slot."""
        self._running += 1
        try:
            return await asyncio.wrap_future(self._threads.submit(work, *args, **kwargs))
        finally:
            self._running -= 1

    async def enter_and_run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Take a place and run.

        Raises:
            Refused: `busy`: every place is taken.
        """
        with self.place():
            return await self.run(work, *args, **kwargs)

    def close(self) -> None:
        """Wait for what runs and let the threads go."""
        self._threads.shutdown(wait=True, cancel_futures=True)


class Gates:
    """The kinds of work, so that lists never wait behind thumbnails, nor thumbnails behind searches.

    Args:
        workers: model runs at once.
        waiting: requests that may wait for the model.
    """

    def __init__(self, *, workers: int, waiting: int) -> None:
        self.model = Gate("model", workers=workers, waiting=waiting)
        self.pictures = Gate("pictures", workers=2, waiting=256)
        self.reading = Gate("reading", workers=4, waiting=256)
        self.writing = Gate("writing", workers=2, waiting=256)

    def __iter__(self) -> Iterator[Gate]:
        return iter((self.model, self.pictures, self.reading, self.writing))

    def close(self) -> None:
        """Wait for what runs."""
        for gate in self:
            gate.close()
