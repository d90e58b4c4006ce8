import os
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from lookalike.serving import worker_threads
from lookalike.serving.worker_threads import WorkerThreads


@pytest.fixture
def one():
    threads = WorkerThreads("test", 1)
    yield threads
    threads.close(seconds=60)


def test_work_is_done_and_faults_are_raised_where_it_was_asked_for(one):
    assert one.submit(lambda: 3).result(60) == 3
    with pytest.raises(ZeroDivisionError):
        one.submit(lambda: 1 // 0).result(60)
    assert one.submit(lambda: 4).result(60) == 4


def test_what_is_most_urgent_goes_first_and_among_equals_what_came_first(one):
    order, may_go_on = [], threading.Event()
    one.submit(may_go_on.wait)
    futures = [one.submit(lambda n=n: order.append(n), rank=rank) for n, rank in enumerate([2, 0, 1, 0])]
    may_go_on.set()
    for future in futures:
        future.result(60)
    assert order == [1, 3, 2, 0]


def test_as_many_run_at_once_as_there_are_threads():
    threads, both = WorkerThreads("test", 2), threading.Barrier(2)
    for future in [threads.submit(lambda: both.wait(60)) for _ in range(2)]:
        future.result(60)
    assert threads.close(seconds=60)


def test_what_has_waited_for_long_runs_in_a_spare_thread():
    threads, may_end = WorkerThreads("test", 1, spare=1), threading.Event()
    held = threads.submit(lambda: may_end.wait(60))
    assert [threads.submit(lambda n=n: n).result(60) for n in range(2)] == [0, 1]  # though the first has not ended
    may_end.set()
    assert held.result(60)
    assert threads.close(seconds=60)


def test_as_much_that_waits_for_long_runs_at_once_as_there_are_threads():
    threads = WorkerThreads("test", 1, spare=3, spare_after=0.01)
    for _ in range(2):  # once while they are started, and once while they sleep
        all_of_them = threading.Barrier(4)
        for future in [threads.submit(lambda together=all_of_them: together.wait(60)) for _ in range(4)]:
            future.result(60)
    assert threads.close(seconds=60)


def test_a_spare_thread_leaves_to_the_others_what_has_not_waited_for_long():
    threads, running = WorkerThreads("test", 1, spare=3, spare_after=3600), []

    def work():
        running.append(None)
        most = len(running)
        time.sleep(0.001)
        running.pop()
        return most

    assert {future.result(60) for future in [threads.submit(work) for _ in range(50)]} == {1}
    assert threads.close(seconds=60)


def test_more_urgent_work_goes_first_but_not_for_ever(monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(worker_threads, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=lambda _s: tick()))

    def tick():
        clock.now += 0.001

    threads = WorkerThreads("test", 1, give_way=lambda: clock.now < 0.003)
    assert threads.submit(lambda: clock.now).result(60) == pytest.approx(0.003)
    assert threads.close(seconds=60)
    clock.now = 1.0
    threads = WorkerThreads("test", 1, give_way=lambda: True)
    begun = [threads.submit(lambda: clock.now).result(60) for _ in range(3)]
    clock.now += 0.02
    begun.append(threads.submit(lambda: clock.now).result(60))
    assert begun == pytest.approx([1.01, 1.01, 1.01, 1.04])  # it waits again only after it has worked for as long
    assert threads.close(seconds=60)


def test_nothing_waits_for_more_urgent_work_that_nobody_wants_any_more():
    waits, running, may_end = [], threading.Event(), threading.Event()

    def looked():
        waits.append(None)
        return False

    def hold():
        running.set()
        may_end.wait(60)

    threads = WorkerThreads("test", 1, give_way=looked)
    held = threads.submit(hold)
    running.wait(60)
    unwanted = [threads.submit(lambda: None) for _ in range(20)]
    wanted = threads.submit(lambda: len(waits))
    assert all(future.cancel() for future in unwanted)
    may_end.set()
    held.result(60)
    assert wanted.result(60) == 2  # before the first and the last
    assert threads.close(seconds=60)


def test_closing_drops_what_waits_and_says_what_still_runs(one):
    running, may_end = threading.Event(), threading.Event()

    def work():
        running.set()
        may_end.wait(60)

    one.submit(work)
    waiting = one.submit(lambda: None)
    running.wait(60)
    assert not one.close(seconds=0.1)
    assert waiting.cancelled()
    may_end.set()
    assert one.close(seconds=60)
    with pytest.raises(RuntimeError):
        one.submit(lambda: None)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priority of their own")
def test_threads_yield_to_a_main_thread_that_is_nice_itself():
    threads = WorkerThreads("test", 1, niceness=3)
    told = threads.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())).result(60)
    assert told == min(os.getpriority(os.PRIO_PROCESS, os.getpid()) + 3, 19)
    assert threads.close(seconds=60)


def test_work_runs_in_the_thread_of_its_caller_while_a_place_is_free(one):
    assert one.run_here(threading.current_thread) == (threading.current_thread(),)
    with pytest.raises(ZeroDivisionError):
        one.run_here(lambda: 1 // 0)
    assert one.run_here(lambda: one.visitors) == (1,)
    assert one.visitors == 0


def test_nothing_more_runs_at_once_than_there_are_threads(one):
    running, may_end = threading.Event(), threading.Event()

    def work():
        running.set()
        may_end.wait(60)

    held = one.submit(work)
    running.wait(60)
    assert one.run_here(lambda: None) is None
    may_end.set()
    held.result(60)
    assert one.submit(lambda: 1).result(60) == 1

    order = []

    def visit():
        waits = one.submit(lambda: order.append("submitted"))
        assert one.run_here(lambda: None) is None  # something waits already
        order.append("visitor")
        return waits

    visited = one.run_here(visit)
    visited[0].result(60)
    assert order == ["visitor", "submitted"]


def test_once_it_is_closed_nothing_runs_in_the_thread_of_a_caller(one):
    one.close(seconds=60)
    assert one.run_here(lambda: 1) is None


def test_less_urgent_work_does_not_wait_for_ever(one, monkeypatch):
    """Crops of a client who drags are less urgent than whole pictures, which come all the time when there are many."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(worker_threads, "time", SimpleNamespace(monotonic=lambda: clock.now))
    order, running, may_go_on = [], threading.Event(), threading.Event()

    def hold():
        running.set()
        may_go_on.wait(60)

    one.submit(hold)
    running.wait(60)
    futures = [one.submit(lambda: order.append("crop"), rank=1)]
    for clock.now in (0.01, 0.04, 0.06, 0.09):
        futures.append(one.submit(lambda at=clock.now: order.append(at)))
    may_go_on.set()
    for future in futures:
        future.result(60)
    assert order == [0.01, 0.04, "crop", 0.06, 0.09]
