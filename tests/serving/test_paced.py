"""What many ask for at once is made now and then, and never before it was asked for."""

import asyncio

from lookalike.serving import paced as pacing
from lookalike.serving.paced import Paced


def test_who_asks_while_it_is_made_shares_what_is_made_next(portal):
    async def ask():
        begun, may_end, made = asyncio.Event(), asyncio.Event(), []

        async def work():
            made.append(len(made))
            begun.set()
            await may_end.wait()
            return len(made)

        paced = Paced(work, seconds=0.0)
        first = [asyncio.create_task(paced.get()) for _ in range(2)]
        await begun.wait()
        later = [asyncio.create_task(paced.get()) for _ in range(8)]
        await asyncio.sleep(0)
        may_end.set()
        return await asyncio.gather(*first), await asyncio.gather(*later), made

    assert portal.call(ask) == ([1, 1], [2] * 8, [0, 1])


def test_there_are_seconds_between_two_times(portal, monkeypatch):
    waited, sleep = [], asyncio.sleep

    async def noted(seconds):
        waited.append(round(seconds, 3))
        await sleep(0)

    async def work():
        return "made"

    async def ask():
        times = iter((10.0, 11.0, 11.2, 12.0))
        paced = Paced(work, seconds=0.5, clock=lambda: next(times))
        return [await paced.get(), await paced.get()]

    monkeypatch.setattr(pacing, "sleep", noted)
    assert portal.call(ask) == ["made", "made"]
    assert waited == [0.0, 0.3]


def test_a_fault_is_told_to_all_who_asked_and_ends_with_them(portal):
    faults = [LookupError(), None]

    async def work():
        await asyncio.sleep(0)
        fault = faults.pop(0)
        if fault is not None:
            raise fault
        return "made"

    async def ask():
        paced = Paced(work, seconds=0.0)
        told = await asyncio.gather(*(paced.get() for _ in range(3)), return_exceptions=True)
        return [type(one) for one in told], await paced.get()

    assert portal.call(ask) == ([LookupError] * 3, "made")
