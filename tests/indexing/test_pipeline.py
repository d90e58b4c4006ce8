import threading

import pytest

from lookalike.indexing.pipeline import batched_by, in_order


def test_results_come_in_the_order_of_the_input():
    assert list(in_order(lambda n: n * n, range(100), workers=4)) == [n * n for n in range(100)]


def test_the_input_is_not_read_far_ahead_of_what_is_taken():
    read = []

    def given():
        for n in range(10_000):
            read.append(n)
            yield n

    made = in_order(lambda n: n, given(), workers=2)
    next(made)
    assert len(read) <= 2 * 8 + 1
    made.close()


def test_a_fault_in_a_thread_reaches_the_caller_and_no_thread_stays():
    def work(n):
        if n == 3:
            raise ValueError("three")
        return n

    with pytest.raises(ValueError, match="three"):
        list(in_order(work, range(10), workers=2))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("index")]


def test_batches_close_by_size_or_by_time():
    clock = iter([0, 1, 1, 1, 1, 1, 9, 9, 9, 9])
    assert list(batched_by(3, "abcde", seconds=5, now=lambda: next(clock))) == [["a", "b", "c"], ["d", "e"]]
    slow = iter(range(0, 1000, 10))
    assert list(batched_by(3, "abc", seconds=5, now=lambda: next(slow))) == [["a"], ["b"], ["c"]]
