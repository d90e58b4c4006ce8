"""A bounded pipeline: many threads read and embed, one writes, in the order of the input."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")

_AHEAD = 8  # results a worker that may wait to be taken: enough that a slow write stops nobody, few enough for memory


def in_order(work: Callable[[Given], Made], given: Iterable[Given], *, workers: int) -> Iterator[Made]:
    """Apply `work` in `workers` threads and yield what it makes in the order of `given`.

    At most `workers * 8` results are under way or waiting, so memory does not grow with the input. Closing the
    iterator early (an exception, Ctrl-C) cancels what has not begun and waits for what has.
    """
    waiting: deque[Future[Made]] = deque()
    threads = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="index")
    try:
        for one in given:
            waiting.append(threads.submit(work, one))
            if len(waiting) >= workers * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        threads.shutdown(wait=True, cancel_futures=True)


def batched_by(size: int, made: Iterable[Made], *, seconds: float, now: Callable[[], float]) -> Iterator[list[Made]]:
    """Group what is made into lists of `size`, or fewer when `seconds` have passed since the last list."""
    batch: list[Made] = []
    started = now()
    for one in made:
        batch.append(one)
        if len(batch) >= size or now() - started >= seconds:
            yield batch
            batch, started = [], now()
    if batch:
        yield batch
