"""Prometheus metrics: one registry per app, and no labels with values from requests.

Several workers of one server count into files that they share (prometheus_client's multiprocess mode, which the
supervisor switches on), so that whichever of them is asked tells of all.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.serving.access.principal import principal_of
from lookalike.serving.background import RecallWatch
from lookalike.serving.gates import Gates
from lookalike.serving.services import Services

ACCESS_LOG = "lookalike.serving.access"
"""The log with a JSON line for each request."""

SHARED_COUNTS = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that names the folder in which workers count together, as prometheus_client has it."""

QUERY_ID = "lookalike.query_id"
"""Where a request's scope says which query it was answered as."""

_access = logging.getLogger(ACCESS_LOG)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"})


class Meters:
    """Everything that is counted."""

    def __init__(self, services: Services, gates: Gates, watch: RecallWatch) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.requests = Counter(
            "lookalike_http_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "lookalike_http_request_seconds", "From a request's head to the end of its answer.", ["method", "route"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.stages = Histogram(
            "lookalike_search_stage_seconds", "Where the time of searches went.", ["stage"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.model_runs = Counter("lookalike_model_runs", "Pictures embedded.", ["purpose"], registry=registry)
        self.events = Counter(
            "lookalike_events_received", "Events received, repeated ones too.", ["kind"], registry=registry
        )
        self.events_stored = Counter("lookalike_events_stored", "Events newly stored.", registry=registry)
        self.thumbnails = Counter("lookalike_thumbnails", "Thumbnails served.", ["cache"], registry=registry)
        self._answers = cache(self._counted_by)  # few labels, and looking them up takes longer than counting
        self._queues = _Queues(gates, registry)
        self._state_now = _StateNow(services, watch)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count and time one request, by the template of its route."""
        counter, histogram = self._answers(method, route, status)
        counter.inc()
        histogram.observe(seconds)

    def _counted_by(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        return self.requests.labels(method, route, str(status)), self.seconds.labels(method, route)

    def searched(self, milliseconds: Mapping[str, float]) -> None:
        """Count one search's stages."""
        for stage, duration in milliseconds.items():
            self.stages.labels(stage).observe(duration / 1000)
        if milliseconds.get("decode", 0) > 0:
            self.model_runs.labels("search").inc()

    @property
    def are_shared(self) -> bool:
        """Whether this process is one of several that count together; it then has to `refresh` now and then."""
        return SHARED_COUNTS in os.environ

    def refresh(self) -> None:
        """Note how long the queues are now."""
        self._queues.refresh()

    def exposition(self) -> Response:
        """All of it, in the text format."""
        self.refresh()
        asked = CollectorRegistry()
        asked.register(self._state_now)
        if self.are_shared:
            MultiProcessCollector(asked)  # type: ignore[no-untyped-call]
            counted = b""
        else:
            ProcessCollector(registry=asked)
            counted = generate_latest(self.registry)
        return Response(counted + generate_latest(asked), media_type=CONTENT_TYPE_LATEST)


class _Queues:
    """How long the queues of all workers are together."""

    def __init__(self, gates: Gates, registry: CollectorRegistry) -> None:
        self._gates = gates
        self._running = Gauge(
            "lookalike_queue_running", "Requests being worked on.", ["queue"],
            registry=registry, multiprocess_mode="livesum",
        )  # fmt: skip
        self._waiting = Gauge(
            "lookalike_queue_waiting", "Requests waiting.", ["queue"], registry=registry, multiprocess_mode="livesum"
        )
        self._refusals = Counter("lookalike_queue_refusals", "Requests answered busy.", ["queue"], registry=registry)
        self._counted = {gate.name: 0 for gate in gates}
        self._lock = threading.Lock()

    def refresh(self) -> None:
        with self._lock:
            for gate in self._gates:
                self._running.labels(gate.name).set(gate.running)
                self._waiting.labels(gate.name).set(gate.waiting)
                refusals = gate.refusals
                self._refusals.labels(gate.name).inc(refusals - self._counted[gate.name])
                self._counted[gate.name] = refusals


class _StateNow(Collector):
    """Reads the index when asked, so that nothing has to keep gauges up to date."""

    def __init__(self, services: Services, watch: RecallWatch) -> None:
        self._services = services
        self._watch = watch

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not read the catalog."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The state now."""
        readiness = self._services.engine.ready()
        yield GaugeMetricFamily("lookalike_ready", "1 when searches can be answered.", int(readiness.ready))
        yield GaugeMetricFamily("lookalike_index_images", "Images that can be found.", readiness.images)
        yield GaugeMetricFamily("lookalike_tail_images", "Of those, images in no snapshot yet.", readiness.tail)
        if readiness.recall_at_10 is not None:
            yield GaugeMetricFamily(
                "lookalike_index_recall_at_10",
                "recall@10 of the snapshot's index among all its images, measured when it was published.",
                readiness.recall_at_10,
            )
        yield from self._live_recall(readiness.snapshot)
        yield GaugeMetricFamily("lookalike_snapshot_number", "The open snapshot; 0 for none.", readiness.snapshot)
        sequence = self._services.catalog.changes.sequence()
        yield GaugeMetricFamily("lookalike_catalog_sequence", "Changes the catalog has seen.", sequence)
        behind = sequence - readiness.watermark
        yield GaugeMetricFamily("lookalike_watermark_lag", "Of those, changes that the snapshot lacks.", behind)
        moderated = GaugeMetricFamily("lookalike_moderated_images", "Images by what moderation does.", labels=["state"])
        for state, count in self._services.catalog.moderation.counts().items():
            moderated.add_metric([state.value], count)
        yield moderated

    def _live_recall(self, snapshot: int) -> Iterable[Metric]:
        latest = self._watch.latest
        if latest is not None and latest.snapshot == snapshot:
            yield GaugeMetricFamily(
                "lookalike_live_recall_at_10",
                "recall@10 of the latest searches among public images, when last measured.",
                latest.recall.mean,
            )
            yield GaugeMetricFamily(
                "lookalike_live_recall_queries", "Searches that was measured with.", latest.recall.queries
            )


class Measured:
    """ASGI: counts and times requests by route template, and writes the access log.

    Args:
        app: what is measured.
        meters: where to.
        log: whether to write a JSON line a request.
    """

    def __init__(self, app: ASGIApp, *, meters: Meters, log: bool) -> None:
        self._app = app
        self._meters = meters
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._count(scope, status, time.perf_counter() - started)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = getattr(scope.get("route"), "path", "unmatched")
        self._meters.answered(method, route, status, seconds)
        if self._log:
            principal = principal_of(scope)
            more = {"actor": principal.actor} if principal is not None else {}
            if QUERY_ID in scope:
                more["query_id"] = scope[QUERY_ID]
            log_access(method, scope["path"], status, seconds, **more)


def log_access(method: str, path: str, status: int, seconds: float, **more: str) -> None:
    """Write a JSON line about a request.

    Args:
        method: of HTTP.
        path: of the address.
        status: of the answer.
        seconds: that answering took.
        more: members of the line.
    """
    line = {"method": method, "path": path, "status": status, "ms": round(seconds * 1000, 2), **more}
    _access.info(json.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **line}))
