"""Periodic measurement of the recall of recent searches, at low load."""

import logging
from datetime import timedelta

from lookalike.catalog import Catalog
from lookalike.retrieval import SearchEngine
from lookalike.serving.background.duty import RepeatedDuty
from lookalike.snapshot import LiveRecall

_log = logging.getLogger(__name__)
_FEWEST_SEARCHES = 20
_REST = 4.0  # seconds of rest for each second of reading: searches come first


class _StoppedError(Exception):
    """The server ends."""


class RecallWatch(RepeatedDuty):
    """A thread that asks the engine for the recall of the latest searches, in one of all the processes that serve.

    Args:
        catalog: of the library.
        engine: what answers searches.
        seconds: between two measurements; None for none at all.

    Attributes:
        latest: the last measurement of this process; None where it is another one's duty.
    """

    thread_name = "recall-watch"

    def __init__(self, catalog: Catalog, engine: SearchEngine, *, seconds: float | None) -> None:
        super().__init__(catalog, "measure-recall", every=None if seconds is None else timedelta(seconds=seconds))
        self.latest: LiveRecall | None = None
        self._engine = engine

    def _take_turn(self, *, ours: bool) -> None:
        if not ours:
            self.latest = None
            return
        try:
            measured = self._engine.recall_of_latest(fewest=_FEWEST_SEARCHES, after_block=self._rest)
        except _StoppedError:
            return
        except Exception as fault:  # noqa: BLE001 - a measurement that fails must not end the measuring
            _log.warning("the index's recall was not measured: %s", fault)
            return
        self.latest = measured or self.latest

    def _rest(self, seconds: float) -> None:
        if self._stopped.wait(_REST * seconds):
            raise _StoppedError
