"""Sessions: opened graphs that turn model input into raw descriptors."""

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import LookalikeError
from lookalike.niceness import be_nice
from lookalike.types import Batch

_log = logging.getLogger(__name__)
T = TypeVar("T")
_NICENESS = 8  # of a model's threads in a server

Mode: TypeAlias = Literal["latency", "throughput", "serving"]
"""What a graph is opened for: one image soon, many images, or now the one and now the other."""

Descriptors: TypeAlias = NDArray[np.float32]
"""What the graph computes, before the projection: [images, d], float32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphFile:
    """A model's graph on this machine.

    Attributes:
        path: `.onnx`, canonical; or `.tflite`, for OpenVINO alone.
        size: side of the input image, pixels.
        output: name of the tensor that is the descriptor; empty for the only one.
        nhwc: whether the graph wants channels last (TFLite only; a canonical graph never does).
    """

    path: Path
    size: int
    output: str
    nhwc: bool = False


class Session(Protocol):
    """An opened graph. Thread-safe."""

    concurrency: int
    """How many images it works on at once; a further call waits."""

    def run(self, batch: Batch) -> Descriptors:
        """The raw descriptors of a batch, [images, d]; a row does not depend on the other rows."""
        ...

    def close(self) -> None:
        """Frees the graph; running afterwards is a programming mistake."""
        ...


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def opened_for_serving(open_session: Callable[[], T]) -> T:
    """A session of a runtime whose own threads yield the processor to the threads that answer requests.

    A runtime starts its threads when a graph is opened, and they are as nice as the thread that opens it. Running the
    model is most of a server's work: everything else would wait for it.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="open-model", initializer=be_nice, initargs=(_NICENESS,)) as opening:
        return opening.submit(open_session).result()


class WideOrNarrow:
    """A session that gives an image all threads while it is alone, and one thread each to images at the same time.

    The narrow lanes are opened in the background, and used only if they compute the same bits: an answer must not
    depend on who else asks.

    Args:
        wide: one lane over all threads.
        open_narrow: gives one lane a thread, after their first run.
        probe: [1, 3, size, size] float32, to compare the two with.
        concurrency: images that are worked on at once.
    """

    def __init__(self, wide: Session, open_narrow: Callable[[], Session], *, probe: Batch, concurrency: int) -> None:
        self.concurrency = concurrency
        self._wide = wide
        self._narrow: Session | None = None
        self._running = 0
        self._lock = threading.Lock()
        self._opening = threading.Thread(target=self._open, args=(open_narrow, probe), name="open-lanes", daemon=True)
        self._opening.start()

    def run(self, batch: Batch) -> Descriptors:
        """The raw descriptors of a batch, [images, d]."""
        with self._lock:
            is_alone = self._running == 0
            self._running += 1
        try:
            narrow = self._narrow
            return self._wide.run(batch) if narrow is None or (is_alone and len(batch) == 1) else narrow.run(batch)
        finally:
            with self._lock:
                self._running -= 1

    def wait(self) -> bool:
        """Wait until the narrow lanes are open; whether they are used."""
        self._opening.join()
        return self._narrow is not None

    def close(self) -> None:
        """Free both."""
        self._opening.join()
        self._wide.close()
        if self._narrow is not None:
            self._narrow.close()

    def _open(self, open_narrow: Callable[[], Session], probe: Batch) -> None:
        try:
            narrow = open_narrow()
        except LookalikeError as fault:
            _log.warning("the model runs one image at a time: %s", fault)
            return
        if np.array_equal(narrow.run(probe), self._wide.run(probe)):
            self._narrow = narrow
            return
        _log.info("the model runs one image at a time: its results depend on the number of threads")
        narrow.close()


class Lanes:
    """Spreads the rows of batches over a fixed number of lanes, one image a lane at a time.

    Each image is its own run of the model, so that neither the size of the batch nor an image's place in it can
    change a vector. A lane is whatever the runtime needs for one run (an inference request, a session).
    """

    def __init__(self, lanes: list[Any], run_one: Any) -> None:
        """`run_one(lane, row)` gets a row as [1, 3, size, size] and returns its descriptor, [d]."""
        self.concurrency = len(lanes)
        self._run_one = run_one
        self._free: SimpleQueue[Any] = SimpleQueue()
        for lane in lanes:
            self._free.put(lane)
        self._pool = ThreadPoolExecutor(len(lanes), thread_name_prefix="embed") if len(lanes) > 1 else None

    def run(self, batch: Batch) -> Descriptors:
        """The descriptors of a batch of at least one image, [images, d]."""
        rows = [batch[number : number + 1] for number in range(len(batch))]
        if self._pool is None or len(rows) == 1:
            return np.stack([self._run_row(row) for row in rows])
        return np.stack(list(self._pool.map(self._run_row, rows)))

    def _run_row(self, row: Batch) -> Descriptors:
        lane = self._free.get()
        try:
            descriptor: Descriptors = self._run_one(lane, row)
            return descriptor
        finally:
            self._free.put(lane)

    def close(self) -> None:
        """Ends the threads."""
        if self._pool is not None:
            self._pool.shutdown()
