"""Queries are written down beside the search, not in its way.

Writing durably costs a disk flush, and a search owes its caller nothing durable: only later events refer to it. So a
thread stores queries in batches, a moment later, and keeps the latest ones at hand for their next pages.
"""

import logging
import queue
import threading
from collections import OrderedDict

from lookalike.catalog import Catalog, QueryRecord

_log = logging.getLogger(__name__)
_PAUSE_SECONDS = 0.1  # between two writes, so that busy times make large batches


class QueryJournal:
    """Stores query records in the background; `flush` waits until all are on disk.

    Args:
        catalog: where they go.
        kept: how many of the latest stay in memory.
        waiting: how many may wait to be written; more are dropped, counted, and can not be referred to by events.
    """

    def __init__(self, catalog: Catalog, *, kept: int = 512, waiting: int = 4096) -> None:
        self.dropped = 0
        self._catalog = catalog
        self._kept = kept
        self._latest: OrderedDict[str, QueryRecord] = OrderedDict()
        self._latest_lock = threading.Lock()
        self._waiting: queue.Queue[QueryRecord | threading.Event | None] = queue.Queue(maxsize=waiting)
        self._hurry = threading.Event()
        self._writer = threading.Thread(target=self._write, name="query-journal", daemon=True)
        self._writer.start()

    def add(self, record: QueryRecord) -> None:
        """Keep a record at hand and have it written soon."""
        with self._latest_lock:
            self._latest[record.id] = record
            while len(self._latest) > self._kept:
                self._latest.popitem(last=False)
        if self._catalog.read_only:
            return  # its pages are at hand as long as this process runs
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self.dropped += 1

    def find(self, query_id: str) -> QueryRecord | None:
        """The record of that query, from memory or from the catalog."""
        with self._latest_lock:
            record = self._latest.get(query_id)
        return record or self._catalog.queries.get(query_id)

    def latest(self) -> list[QueryRecord]:
        """The records in memory, oldest first."""
        with self._latest_lock:
            return list(self._latest.values())

    def flush(self) -> None:
        """Return when every record added before is on disk."""
        written = threading.Event()
        self._waiting.put(written)
        self._hurry.set()
        written.wait()

    def close(self) -> None:
        """Write what waits and stop."""
        self._waiting.put(None)
        self._hurry.set()
        self._writer.join()

    def _write(self) -> None:
        batch: list[QueryRecord | threading.Event | None] = []
        while None not in batch:
            batch = self._next_batch()
            records = [entry for entry in batch if isinstance(entry, QueryRecord)]
            try:
                if records:
                    self._catalog.queries.write(records)
            except Exception as fault:  # noqa: BLE001 - whoever waits for the journal must not wait for ever
                self.dropped += len(records)
                _log.warning("%d queries were not recorded: %s", len(records), fault)
            for entry in batch:
                if isinstance(entry, threading.Event):
                    entry.set()
            self._hurry.wait(_PAUSE_SECONDS)
            self._hurry.clear()

    def _next_batch(self) -> list[QueryRecord | threading.Event | None]:
        batch = [self._waiting.get()]
        while batch[-1] is not None:
            try:
                batch.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return batch
