"""Looking for copies while the server answers, when it is asked to."""

import logging
import threading
from dataclasses import dataclass

from lookalike.errors import LookalikeError
from lookalike.library.copy_search import CopySearch

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Counted:
    """Progress that only counts."""

    done: int = 0

    def stage(self, name: str, total: int | None = None) -> None:
        """Nobody is told its name."""

    def advance(self, steps: int = 1) -> None:
        """Count."""
        self.done += steps

    def note(self, line: str) -> None:
        """Nobody reads it."""


class CopySearching:
    """Runs one search for copies at a time, in a thread of its own.

    Args:
        search: what is run; its file keeps what was found.

    Attributes:
        fault: why the last search ended early, for people; None where it did not.
    """

    def __init__(self, search: CopySearch) -> None:
        self.search = search
        self.fault: str | None = None
        self._starting = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether a search is at work here."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin to look, unless a search is at work here or the server ends."""
        with self._starting:
            if self.running or self._stopped.is_set():
                return
            self.fault = None
            self._thread = threading.Thread(target=self._run, name="copy-search", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End, also a search that is at work: the next one goes on from there."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        counted = _Counted()
        try:
            self.search.run(counted, stopped=self._stopped.is_set)
        except LookalikeError as fault:
            self.fault = str(fault)
            _log.warning("the search for copies ended after %d images: %s", counted.done, fault)
        except Exception:  # noqa: BLE001 - a search that fails must be told, and ends nothing else
            self.fault = "the search failed; see the server's log for details"
            _log.exception("the search for copies failed after %d images", counted.done)
