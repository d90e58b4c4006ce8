"""Forgetting queries that nobody followed, after a time."""

import logging
import threading
from datetime import UTC, datetime, timedelta

from lookalike.catalog import Catalog
from lookalike.errors import LookalikeError
from lookalike.serving.background.duty import Duty

_log = logging.getLogger(__name__)
_BETWEEN_CLEANINGS = timedelta(hours=1)


class QueryForgetting:
    """A thread that forgets old queries once an hour, in one of the processes that serve a library.

    Args:
        catalog: whose queries.
        retention: how long they are kept; None for ever.
        every: how often to look.
    """

    def __init__(self, catalog: Catalog, *, retention: timedelta | None, every: timedelta = _BETWEEN_CLEANINGS) -> None:
        self._catalog = catalog
        self._retention = retention
        self._every = every
        self._duty = Duty(catalog, "forget-queries", every=every)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; the first cleaning comes after the first pause."""
        if self._retention is not None:
            self._thread = threading.Thread(
                target=self._clean, args=(self._retention,), name="forget-queries", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """End, a cleaning that runs as well."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._duty.give_back()

    def _clean(self, retention: timedelta) -> None:
        while not self._stopped.wait(self._every.total_seconds()):
            if not self._duty.is_ours():
                continue
            try:
                forgotten = self._catalog.queries.forget(older_than=datetime.now(UTC) - retention)
                _log.info("%d queries older than %s were forgotten", forgotten, retention)
            except LookalikeError as fault:
                _log.warning("old queries were not forgotten: %s", fault)
