"""Work that many may ask for and that is the same for all of them, done now and then."""

import asyncio
import time
from asyncio import sleep
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Paced(Generic[T]):
    """Does work at most once in so many seconds; whoever asks meanwhile waits for the next time, and shares it.

    What is answered was always made after it was asked for. Somebody who asks alone never waits. Only for the event
    loop's thread.

    Args:
        work: what is done.
        seconds: from the end of one time to the beginning of the next.
        clock: seconds.
    """

    def __init__(
        self, work: Callable[[], Awaitable[T]], *, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._work = work
        self._seconds = seconds
        self._clock = clock
        self._free_at = 0.0
        self._next: asyncio.Task[T] | None = None
        self._turn = asyncio.Lock()

    async def get(self) -> T:
        """The result of the next time. Raises what the work raises."""
        if self._next is None:
            self._next = asyncio.create_task(self._do())
        return await asyncio.shield(self._next)

    async def _do(self) -> T:
        async with self._turn:
            await sleep(max(self._free_at - self._clock(), 0.0))
            self._next = None  # who asks from now on asks for what is made after this
            try:
                return await self._work()
            finally:
                self._free_at = self._clock() + self._seconds
