"""One of all the processes that serve a library has a duty."""

import logging
import secrets
import threading
from abc import ABC, abstractmethod
from datetime import timedelta

from lookalike.catalog import Catalog
from lookalike.errors import EnvironmentFault

_log = logging.getLogger(__name__)
_LEAST = timedelta(minutes=1)


class Duty:
    """Something that is done from time to time, by one process.

    Args:
        catalog: where it is written who does it.
        name: of the duty.
        every: how often a process asks; a duty stays with one that does not ask again for twice as long, and for a
            minute at least.
    """

    def __init__(self, catalog: Catalog, name: str, *, every: timedelta) -> None:
        self._catalog = catalog
        self._name = name
        self._lasting = max(2 * every, _LEAST)
        self._holder = secrets.token_hex(16)
        self._held = False

    def is_ours(self) -> bool:
        """Whether this process has the duty, from now on for a while.

        Where the library can only be read nobody can say so, and every process has it.
        """
        if self._catalog.read_only:
            return True
        try:
            self._held = self._catalog.leases.take(self._name, holder=self._holder, lasting=self._lasting)
        except EnvironmentFault as fault:
            _log.warning("whose duty %s is could not be seen: %s", self._name, fault)
            return False
        return self._held

    def give_back(self) -> None:
        """Let another process have it, if this one does."""
        if self._held:
            self._held = False
            try:
                self._catalog.leases.give_back(self._name, holder=self._holder)
            except EnvironmentFault as fault:
                _log.warning("the duty %s stays with this process until its time is over: %s", self._name, fault)


class RepeatedDuty(ABC):
    """A thread that does a duty from time to time, in one of the processes that serve a library.

    Args:
        catalog: where it is written who does it.
        name: of the duty.
        every: the pause before each time; None never does it.
    """

    thread_name: str
    """Of each kind of duty."""

    def __init__(self, catalog: Catalog, name: str, *, every: timedelta | None) -> None:
        self._every = every
        self._duty = Duty(catalog, name, every=every or timedelta())
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; the first time comes after the first pause."""
        if self._every is not None:
            self._thread = threading.Thread(
                target=self._repeat, args=(self._every.total_seconds(),), name=self.thread_name, daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """End, also what is being done."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._duty.give_back()

    def _repeat(self, seconds: float) -> None:
        while not self._stopped.wait(seconds):
            self._take_turn(ours=self._duty.is_ours())

    @abstractmethod
    def _take_turn(self, *, ours: bool) -> None:
        """Do it once, if the duty is ours now. What fails must not end the thread."""
