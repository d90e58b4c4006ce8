"""Threads of this process."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from lookalike.distributed.runner import Made, Shard

_AHEAD = 8  # results a worker that may wait to be taken: enough that a slow write stops nobody, few enough for memory


class ThreadRunner:
    """Works in threads; at most `8 * workers` results are under way or wait to be taken.

    Args:
        workers: threads.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def map(self, work: Callable[[Shard], Made], shards: Iterable[Shard]) -> Iterator[Made]:
        """What the function makes of each shard, in the order of the shards; see `Runner`."""
        waiting: deque[Future[Made]] = deque()
        threads = ThreadPoolExecutor(max_workers=self._workers, thread_name_prefix="shards")
        try:
            for shard in shards:
                waiting.append(threads.submit(work, shard))
                if len(waiting) >= self._workers * _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            threads.shutdown(wait=True, cancel_futures=True)
