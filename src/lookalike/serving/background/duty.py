"""One of all the processes that serve a library has a duty."""

import logging
import secrets
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
