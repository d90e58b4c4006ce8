"""Forgetting queries that nobody followed, after a time."""

import logging
from datetime import UTC, datetime, timedelta

from lookalike.catalog import Catalog
from lookalike.errors import LookalikeError
from lookalike.serving.background.duty import RepeatedDuty

_log = logging.getLogger(__name__)
_BETWEEN_CLEANINGS = timedelta(hours=1)


class QueryForgetting(RepeatedDuty):
    """A thread that forgets old queries once an hour, in one of the processes that serve a library.

    Args:
        catalog: whose queries.
        retention: how long they are kept; None for ever.
        every: how often to look.
    """

    thread_name = "forget-queries"

    def __init__(self, catalog: Catalog, *, retention: timedelta | None, every: timedelta = _BETWEEN_CLEANINGS) -> None:
        super().__init__(catalog, "forget-queries", every=None if retention is None else every)
        self._catalog = catalog
        self._retention = retention

    def _take_turn(self, *, ours: bool) -> None:
        if not ours or self._retention is None:
            return
        try:
            forgotten = self._catalog.queries.forget(older_than=datetime.now(UTC) - self._retention)
            _log.info("%d queries older than %s were forgotten", forgotten, self._retention)
        except LookalikeError as fault:
            _log.warning("old queries were not forgotten: %s", fault)
