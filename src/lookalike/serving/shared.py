"""The same work for several requests at the same time is done once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from lookalike.serving.patience import Patience
from lookalike.serving.problems import Refused

T = TypeVar("T")


class SharedWork(Generic[T]):
    """Results that are being made, by what they are made of. Nothing is kept that is done."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Future[T]] = {}

    async def get(self, key: Hashable, work: Callable[[], Awaitable[T]], patience: Patience) -> T:
        """The result of `work`, which is done here unless somebody else is at it.

        Args:
            key: equal for equal work.
            work: raises for all who share it, except where only its own client stopped waiting.
            patience: of the client that asks here.

        Raises:
            Refused: `deadline-passed`, or what the work raises.
        """
        while (running := self._running.get(key)) is not None:
            try:
                return await asyncio.shield(running)
            except Refused as refusal:
                if refusal.problem.code != "deadline-passed":
                    raise
                patience.require()
            except asyncio.CancelledError:
                if not running.cancelled():
                    raise  # this request was cancelled, not the one that works
        return await self._make(key, work)

    async def _make(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        ours: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._running[key] = ours
        try:
            result = await work()
        except asyncio.CancelledError:
            ours.cancel()
            raise
        except Exception as fault:
            ours.set_exception(fault)
            ours.exception()  # there may be nobody else to look at it
            raise
        else:
            ours.set_result(result)
            return result
        finally:
            # A fault knows this frame: if the frame knew the fault, too, the request's body would stay in memory
            # until the garbage is collected.
            del self._running[key], ours
