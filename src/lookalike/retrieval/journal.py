"""Queries are written down before they are answered, so that every process that serves the library knows them.

The next page of a query and its events may be asked of another worker than the one that answered it. Writing is one
short transaction that does not wait for the disk (see `Queries.write`), and searches that end at the same time share
one. Where it cannot be made at once, because the disk is full or somebody holds the library for long, the search is
answered all the same: the record stays in memory, where this process finds it, and is written as soon as that is
possible.
"""

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass

from lookalike.catalog import Catalog, QueryRecord
from lookalike.errors import EnvironmentFault

_log = logging.getLogger(__name__)
_SECONDS_BETWEEN_TRIES = 0.2
_MOST_SECONDS_BETWEEN_TRIES = 1.0  # twice as long after each that fails


@dataclass(slots=True)
class _Entry:
    """A record on its way into the catalog."""

    record: QueryRecord
    is_done: bool = False
    fault: Exception | None = None


class QueryJournal:
    """Where the records of answered queries are.

    Args:
        catalog: where they go.
        most: how many that could not be written are kept; beyond, the oldest are dropped, and counted in `dropped`.
    """

    def __init__(self, catalog: Catalog, *, most: int = 4096) -> None:
        self.dropped = 0
        self._catalog = catalog
        self._most = most
        self._unwritten: OrderedDict[str, QueryRecord] = OrderedDict()
        self._lock = threading.Lock()
        self._entries: list[_Entry] = []
        self._turn_to_write = threading.Lock()
        self._closed = threading.Event()
        self._trying: threading.Thread | None = None

    def add(self, record: QueryRecord) -> None:
        """Write a record down, or keep it until it can be written.

        Who writes, writes for all who came by then, in one transaction. Where others are waiting for a database that
        cannot be written, a record joins them: only the first searches wait for the database.
        """
        if self._catalog.read_only:
            self._keep(record)  # its pages are found as long as this process runs
            return
        entry = _Entry(record)
        with self._lock:
            if self._trying is not None:
                self._put(record)
                return
            self._entries.append(entry)
        with self._turn_to_write:
            if not entry.is_done:
                self._write_entries()
        if entry.fault is None:
            return
        if not isinstance(entry.fault, EnvironmentFault):
            raise entry.fault
        self._keep(record)
        self._try_later(entry.fault)

    def _write_entries(self) -> None:
        """Everything that waits, in one transaction. Only for the thread whose turn it is."""
        with self._lock:
            entries, self._entries = self._entries, []
        fault = None
        try:
            self._catalog.queries.write([entry.record for entry in entries])
        except Exception as caught:  # noqa: BLE001 - it is raised where the records came from
            fault = caught
        with self._lock:
            for entry in entries:
                entry.fault, entry.is_done = fault, True
                if fault is None:
                    self._unwritten.pop(entry.record.id, None)  # a shorter one, from before

    def find(self, query_id: str) -> QueryRecord | None:
        """The record of that query, from the catalog or from memory."""
        with self._lock:
            record = self._unwritten.get(query_id)
        return record or self._catalog.queries.get(query_id)

    def latest(self, most: int) -> list[QueryRecord]:
        """The last queries that any process answered, the latest first, as far as this one knows."""
        with self._lock:
            unwritten = list(self._unwritten.values())
        return [*reversed(unwritten), *self._catalog.queries.latest(most)][:most]

    def flush(self) -> None:
        """Write what could not be written before, if that is possible now."""
        with self._lock:
            records = list(self._unwritten.values())
        if not records or self._catalog.read_only:
            return
        try:
            self._catalog.queries.write(records)
        except EnvironmentFault as fault:
            _log.warning("%d queries could not be written down yet: %s", len(records), fault)
            return
        with self._lock:
            for record in records:
                if self._unwritten.get(record.id) is record:  # no longer one came meanwhile
                    del self._unwritten[record.id]

    def close(self) -> None:
        """Write what waits, if that is possible, and stop."""
        self._closed.set()
        if self._trying is not None:
            self._trying.join()
        self.flush()

    def _keep(self, record: QueryRecord) -> None:
        with self._lock:
            self._put(record)

    def _put(self, record: QueryRecord) -> None:
        self._unwritten[record.id] = record
        while len(self._unwritten) > self._most:
            self._unwritten.popitem(last=False)
            self.dropped += 1

    def _try_later(self, fault: EnvironmentFault) -> None:
        with self._lock:
            if self._trying is not None and self._trying.is_alive():
                return
            _log.warning("queries are kept in memory until they can be written down: %s", fault)
            self._trying = threading.Thread(target=self._try_until_written, name="query-journal", daemon=True)
            self._trying.start()

    def _try_until_written(self) -> None:
        pause = _SECONDS_BETWEEN_TRIES
        while not self._closed.wait(pause):
            self.flush()
            pause = min(2 * pause, _MOST_SECONDS_BETWEEN_TRIES)
            with self._lock:
                if not self._unwritten:
                    self._trying = None
                    return
