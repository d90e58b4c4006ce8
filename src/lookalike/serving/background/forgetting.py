"""Forgetting events, and queries that nobody followed, after a time."""

import logging
from datetime import UTC, datetime, timedelta

from lookalike.catalog import Catalog
from lookalike.errors import LookalikeError
from lookalike.serving.background.duty import RepeatedDuty

_log = logging.getLogger(__name__)
_BETWEEN_CLEANINGS = timedelta(hours=1)


class Forgetting(RepeatedDuty):
    """A thread that forgets old events and queries once an hour, in one of the processes that serve a library.

    Args:
        catalog: of the library.
        queries: how long queries without events are kept; None for ever.
        events: how long events are kept; None for ever.
        every: how often to look.
    """

    thread_name = "forget-queries"

    def __init__(
        self,
        catalog: Catalog,
        *,
        queries: timedelta | None,
        events: timedelta | None = None,
        every: timedelta = _BETWEEN_CLEANINGS,
    ) -> None:
        kept_for_ever = queries is None and events is None
        super().__init__(catalog, "forget-queries", every=None if kept_for_ever else every)
        self._catalog = catalog
        self._queries = queries
        self._events = events

    def _take_turn(self, *, ours: bool) -> None:
        if not ours:
            return
        try:
            if self._events is not None:  # first: the last event of a query keeps it
                forgotten = self._catalog.interactions.forget(older_than=datetime.now(UTC) - self._events)
                _log.info("%d events older than %s were forgotten", forgotten, self._events)
            if self._queries is not None:
                forgotten = self._catalog.queries.forget(older_than=datetime.now(UTC) - self._queries)
                _log.info("%d queries older than %s were forgotten", forgotten, self._queries)
        except LookalikeError as fault:
            _log.warning("old events and queries were not forgotten: %s", fault)
