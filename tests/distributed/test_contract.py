"""What everything that works on many shards keeps to. A second implementation joins `RUNNERS`."""

import threading

import pytest

from lookalike.distributed import ThreadRunner

RUNNERS = {"threads": ThreadRunner}
WORKERS = 2
AHEAD = 8 * WORKERS


@pytest.fixture(params=RUNNERS)
def runner(request):
    return RUNNERS[request.param](WORKERS)


def squared(number):
    return number * number


def failing_at_three(number):
    if number == 3:
        raise ValueError("three")
    return number


def test_results_come_in_the_order_of_the_shards(runner):
    assert list(runner.map(squared, range(100))) == [n * n for n in range(100)]
    assert list(runner.map(squared, [])) == []


def test_shards_are_not_taken_far_ahead_of_results(runner):
    taken = []

    def shards():
        for number in range(10_000):
            taken.append(number)
            yield number

    made = runner.map(squared, shards())
    next(made)
    assert len(taken) <= AHEAD + 1
    made.close()
    assert len(taken) <= AHEAD + 1


def test_a_fault_reaches_the_caller_after_the_results_before_it(runner):
    made = runner.map(failing_at_three, range(10))
    assert [next(made) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(made)


def closed_early(made):
    next(made)
    made.close()


def failed(made):
    with pytest.raises(ValueError, match="three"):
        list(made)


@pytest.mark.parametrize("ended", [closed_early, failed])
def test_nothing_works_on_when_it_has_ended(runner, ended):
    ended(runner.map(failing_at_three, range(10)))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("shards")]
