"""Measuring, now and then and at a gentle pace, how much of the truth searches were given."""

import logging
import threading

from lookalike.retrieval import SearchEngine
from lookalike.snapshot import LiveRecall

_log = logging.getLogger(__name__)
_FEWEST_SEARCHES = 20
_REST = 4.0  # seconds of rest for each second of reading: searches come first


class _StoppedError(Exception):
    """The server ends."""


class RecallWatch:
    """A thread that asks the engine for the recall of its latest searches.

    Args:
        engine: what answers them.
        seconds: between two measurements; None for none at all.
    """

    def __init__(self, engine: SearchEngine, *, seconds: float | None) -> None:
        self.latest: LiveRecall | None = None
        self._engine = engine
        self._seconds = seconds
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; the first measurement comes after the first pause."""
        if self._seconds is not None:
            self._thread = threading.Thread(target=self._watch, name="recall-watch", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End, a measurement that runs as well."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                measured = self._engine.recall_of_latest(fewest=_FEWEST_SEARCHES, after_block=self._rest)
            except _StoppedError:
                return
            except Exception as fault:  # noqa: BLE001 - a measurement that fails must not end the measuring
                _log.warning("the index's recall was not measured: %s", fault)
                continue
            self.latest = measured or self.latest

    def _rest(self, seconds: float) -> None:
        if self._stopped.wait(_REST * seconds):
            raise _StoppedError
