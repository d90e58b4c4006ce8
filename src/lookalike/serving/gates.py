"""Bounded queues before the threads that do the work: the event loop never computes, and no queue grows.

Each kind of work has threads of its own, so that none queues behind another; and the kinds that somebody waits for most
urgently get the processor, and Python's lock, first.
"""

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import ParamSpec, TypeVar

from lookalike.serving.admission import AdaptiveLimit
from lookalike.serving.patience import Patience
from lookalike.serving.problems import Refused, refused
from lookalike.serving.worker_threads import WorkerThreads

P = ParamSpec("P")
T = TypeVar("T")

_PATIENT = Patience()
_CLOSING_SECONDS = 5.0


class Gate:
    """Threads for one kind of work, and a bounded number of requests that wait for them.

    Args:
        name: in metrics and thread names.
        workers: calls that run at once, beside those in spare threads.
        waiting: requests that may wait beside them; one more is refused with `busy`.
        spare, spare_after, niceness: as in `WorkerThreads`.
        behind: work at that gate goes first; see `WorkerThreads`.
        queue: how few and how many may wait before some are refused; see `AdaptiveLimit`.
        coming_seconds: that a request is expected to need from its head to its place.
    """

    def __init__(
        self,
        name: str,
        *,
        workers: int,
        waiting: int,
        spare: int = 0,
        spare_after: float = 0.25,
        niceness: int = 0,
        behind: "Gate | None" = None,
        queue: tuple[int, int] | None = None,
        coming_seconds: float = 0.1,
    ) -> None:
        self.name = name
        self.refusals = 0
        self._workers = workers
        self._places = workers + waiting
        self._most_running = workers + spare
        self._adaptive = None
        if queue is not None:
            few, many = queue
            self._adaptive = AdaptiveLimit(workers=self._most_running, few=few, many=many, most=self._places)
        self._coming_seconds = coming_seconds
        self._taken = 0
        self._coming: deque[float] = deque()  # until when whole requests are expected
        self._awaited: deque[float] = deque()  # likewise, of requests whose bodies have not come
        self._running = 0
        give_way = None if behind is None else lambda: behind.running > 0
        self._threads = WorkerThreads(
            name, workers, spare=spare, spare_after=spare_after, niceness=niceness, give_way=give_way
        )

    @property
    def _calls(self) -> int:
        """Those that run, in threads of this gate or of others, and those that wait for a thread."""
        return self._running + self._threads.visitors

    @property
    def running(self) -> int:
        """Calls in a thread, or about to be."""
        return min(self._calls, self._most_running)

    @property
    def waiting(self) -> int:
        """Requests that hold a place and do not run here, or calls that wait for a thread."""
        return max(self._taken, self._calls) - self.running

    @property
    def places(self) -> int:
        """Requests that may hold a place now."""
        return self._places if self._adaptive is None else self._adaptive.limit

    @property
    def has_place(self) -> bool:
        """Whether one more request would find a place now."""
        if self._taken >= self._places:
            return False
        return self._adaptive is None or self._adaptive.admits(self._taken)

    def expects_one_more(self, *, is_whole: bool) -> bool:
        """Whether a request whose head has come would find a place behind those that are on their way; it then is, too.

        Otherwise all that come while one place is free would be received, and all but one of them be refused then.
        One is on its way for a certain time, so that bodies that do not come keep nobody out for longer; and they keep
        nobody out at all while a worker has nothing to do and no whole request is on its way to it.

        Args:
            is_whole: the body has come as well.
        """
        now = time.monotonic()
        for expected in (self._coming, self._awaited):
            while expected and expected[0] < now:
                expected.popleft()
        sure = self._taken + len(self._coming)
        in_work = sure + len(self._awaited)
        is_full = in_work >= self._places or not (self._adaptive is None or self._adaptive.admits(in_work))
        if is_full and sure >= self._workers:
            return False
        (self._coming if is_whole else self._awaited).append(now + self._coming_seconds)
        return True

    def refusal(self) -> Refused:
        """The refusal of a request that found no place, which is counted."""
        self.refusals += 1
        detail = f"{self._taken} requests are being served or wait already; try again in a moment"
        return refused("busy", detail, headers={"Retry-After": "1"})

    def require_place(self) -> None:
        """Refuse at once what would find no place.

        Raises:
            Refused: `busy`.
        """
        if not self.has_place:
            raise self.refusal()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place while the work is done, here and at other gates. Only for the event loop's thread.

        Raises:
            Refused: `busy`: every place is taken.
        """
        for expected in (self._coming, self._awaited):
            if expected:
                expected.popleft()
                break
        self.require_place()
        self._taken += 1
        started = time.monotonic()
        try:
            yield
        except BaseException:
            self._taken -= 1
            raise
        if self._adaptive is not None:
            self._adaptive.answered(time.monotonic() - started, self._taken)
        self._taken -= 1

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking work in a thread; the caller must hold a place."""
        return await self.run_for(_PATIENT, partial(work, *args, **kwargs))

    async def run_for(self, patience: Patience, work: Callable[[], T], *, rank: int = 0) -> T:
        """Run blocking work in a thread, unless its client has stopped waiting when its turn comes.

        Args:
            patience: of the client.
            work: without arguments.
            rank: work of a lower rank goes first.

        Raises:
            Refused: `deadline-passed`.
        """

        def while_wanted() -> T:
            patience.require()
            return work()

        self._running += 1
        try:
            return await asyncio.wrap_future(self._threads.submit(while_wanted, rank=rank))
        finally:
            self._running -= 1

    def run_here(self, patience: Patience, work: Callable[[], T]) -> tuple[T] | None:
        """Run blocking work in the calling thread, where a thread of this gate would be free at once.

        Returns:
            Its result alone; None where it was not run.

        Raises:
            Refused: `deadline-passed`.
        """
        patience.require()
        return self._threads.run_here(work)

    async def enter_and_run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Take a place and run.

        Raises:
            Refused: `busy`: every place is taken.
        """
        with self.place():
            return await self.run(work, *args, **kwargs)

    def close(self, *, seconds: float) -> bool:
        """Give what runs that long, and drop what waits; False where something still runs then."""
        return self._threads.close(seconds=seconds)


class Gates:
    """The kinds of work.

    Attributes:
        model: queries by pictures. They hold a place from their decoding to their answer; the model runs here.
        decoding: their pictures.
        searching: neighbours of a vector: the rest of queries by pictures, queries by indexed images, later pages.
        fetching: pictures that are named by a URL.
        reading: records and lists.
        files: originals.
        writing: changes and deletions.
        events: what people saw and clicked.
        uploads: from decoding to storing.
        thumbnails: decoding and making small.

    Args:
        workers: model runs at once.
        waiting: queries by pictures that may wait.
        database_is_far: whether whoever reads or writes records mostly waits for a network.
    """

    def __init__(self, *, workers: int, waiting: int, database_is_far: bool = False) -> None:
        cores = os.cpu_count() or 1
        some = max(1, cores // 4)
        for_records = 4 if database_is_far else 1
        self.model = Gate("model", workers=workers, waiting=waiting, niceness=2, queue=(2 * workers, 3 * workers))
        self.decoding = Gate("decoding", workers=max(cores, workers), waiting=256, niceness=2)
        self.searching = Gate(
            "searching",
            workers=for_records,
            spare=max(2, cores),
            spare_after=0.05,
            waiting=256,
            queue=(8, 16),
            coming_seconds=0.03,  # what needs no place here may be expected, too: it must keep nobody out for long
        )
        self.fetching = Gate("fetching", workers=4, waiting=32, niceness=5)
        less_urgent = partial(Gate, spare=1, waiting=256, niceness=1, behind=self.searching)
        self.reading = less_urgent("reading", workers=for_records, spare_after=0.05)
        self.files = less_urgent("files", workers=1, spare_after=0.05)
        self.writing = less_urgent("writing", workers=for_records, spare_after=0.05)
        self.events = less_urgent("events", workers=1, spare=0)
        self.uploads = less_urgent("uploads", workers=max(some, for_records // 2), waiting=64, niceness=5)
        self.thumbnails = less_urgent("thumbnails", workers=some, niceness=10)

    def __iter__(self) -> Iterator[Gate]:
        return iter(
            (
                self.model,
                self.decoding,
                self.searching,
                self.fetching,
                self.reading,
                self.files,
                self.writing,
                self.events,
                self.uploads,
                self.thumbnails,
            )
        )

    def close(self) -> bool:
        """Give what runs five seconds in all; False where something still runs then."""
        until = time.monotonic() + _CLOSING_SECONDS
        ended = [gate.close(seconds=max(0.0, until - time.monotonic())) for gate in self]
        return all(ended)
