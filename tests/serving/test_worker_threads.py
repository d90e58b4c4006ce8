import os
import sys
import threading

import pytest

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
