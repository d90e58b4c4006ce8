import asyncio
import contextlib
import gc
import weakref

import pytest

from lookalike.serving.patience import Patience
from lookalike.serving.problems import Refused, refused
from lookalike.serving.shared import SharedWork

PATIENT = Patience()


def test_equal_work_at_the_same_time_is_done_once_and_later_work_again(portal):
    done = []

    async def work():
        await asyncio.sleep(0.01)
        done.append(1)
        return len(done)

    async def ask():
        shared = SharedWork()
        together = await asyncio.gather(*(shared.get("a", work, PATIENT) for _ in range(5)))
        other, later = await shared.get("b", work, PATIENT), await shared.get("a", work, PATIENT)
        return together, other, later

    assert portal.call(ask) == ([1] * 5, 2, 3)


def test_all_who_share_work_that_fails_are_told(portal):
    async def work():
        await asyncio.sleep(0.01)
        raise refused("image-refused", "no picture")

    async def ask():
        shared = SharedWork()
        return await asyncio.gather(*(shared.get("a", work, PATIENT) for _ in range(3)), return_exceptions=True)

    assert [fault.problem.code for fault in portal.call(ask)] == ["image-refused"] * 3


@pytest.mark.parametrize("end", ["late", "cancelled"])
def test_where_the_one_who_works_leaves_another_goes_on(portal, end):
    async def gives_up():
        await asyncio.sleep(0.01)
        if end == "late":
            raise refused("deadline-passed", "late")
        await asyncio.sleep(60)

    async def work():
        return 7

    async def ask():
        shared = SharedWork()
        first = asyncio.create_task(shared.get("a", gives_up, PATIENT))
        await asyncio.sleep(0)
        second = asyncio.create_task(shared.get("a", work, PATIENT))
        await asyncio.sleep(0.02)
        first.cancel()
        with pytest.raises((Refused, asyncio.CancelledError)):
            await first
        return await second

    assert portal.call(ask) == 7


def test_what_failed_is_let_go_of_without_waiting_for_the_garbage_collector(portal):
    """A body of tens of MB hangs on it."""

    class Body:
        pass

    async def ask(body):
        async def work():
            raise ValueError(repr(body))

        with contextlib.suppress(ValueError):
            await SharedWork().get("key", work, Patience())

    body = Body()
    gone = weakref.ref(body)
    gc.disable()
    try:
        portal.call(ask, body)
        del body
        assert gone() is None
    finally:
        gc.enable()
