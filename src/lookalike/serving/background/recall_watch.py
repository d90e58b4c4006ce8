"""Periodic measurement of the recall of recent searches, at low load."""

import logging
import threading
from datetime import timedelta

from lookalike.catalog import Catalog
from lookalike.retrieval import SearchEngine
from lookalike.serving.background.duty import Duty
from lookalike.snapshot import LiveRecall

_log = logging.getLogger(__name__)
_FEWEST_SEARCHES = 20
_REST = 4.0  # seconds of rest for each second of reading: searches come first


class _StoppedError(Exception):
    """The server ends."""


class RecallWatch:
    """A thread that asks the engine for the recall of the latest searches, in one of all the processes that serve.

    Args:
        catalog: of the library.
        engine: what answers searches.
        seconds: between two measurements; None for none at all.

    Attributes:
        latest: the last measurement of this process; None where it is another one's duty.
    """

    def __init__(self, catalog: Catalog, engine: SearchEngine, *, seconds: float | None) -> None:
        self.latest: LiveRecall | None = None
        self._engine = engine
        self._seconds = seconds
        self._duty = Duty(catalog, "measure-recall", every=timedelta(seconds=seconds or 0))
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
            self._duty.give_back()

    def _watch(self) -> None:
        while not self._stopped.wait(self._seconds):
            if not self._duty.is_ours():
                self.latest = None
                continue
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
