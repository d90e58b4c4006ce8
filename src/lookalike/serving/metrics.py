"""Prometheus metrics: one registry per app, and no labels with values from requests."""

import json
import logging
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.serving.access.principal import principal_of
from lookalike.serving.background import RecallWatch
from lookalike.serving.gates import Gates
from lookalike.serving.services import Services

ACCESS_LOG = "lookalike.serving.access"
"""The log with a JSON line for each request."""

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
        registry.register(_StateNow(services, gates, watch))
        ProcessCollector(registry=registry)

    def searched(self, milliseconds: Mapping[str, float]) -> None:
        """Count one search's stages."""
        for stage, duration in milliseconds.items():
            self.stages.labels(stage).observe(duration / 1000)
        if milliseconds.get("decode", 0) > 0:
            self.model_runs.labels("search").inc()

    def exposition(self) -> Response:
        """All of it, in the text format."""
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)


class _StateNow(Collector):
    """Reads the queues and the index when asked, so that nothing has to keep gauges up to date."""

    def __init__(self, services: Services, gates: Gates, watch: RecallWatch) -> None:
        self._services = services
        self._gates = gates
        self._watch = watch

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not read the catalog."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The state now."""
        yield from self._queues()
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

    def _queues(self) -> Iterable[Metric]:
        running = GaugeMetricFamily("lookalike_queue_running", "Requests being worked on.", labels=["queue"])
        waiting = GaugeMetricFamily("lookalike_queue_waiting", "Requests waiting.", labels=["queue"])
        refusals = CounterMetricFamily("lookalike_queue_refusals", "Requests answered busy.", labels=["queue"])
        for gate in self._gates:
            running.add_metric([gate.name], gate.running)
            waiting.add_metric([gate.name], gate.waiting)
            refusals.add_metric([gate.name], gate.refusals)
        return running, waiting, refusals


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
        self._meters.requests.labels(method, route, str(status)).inc()
        self._meters.seconds.labels(method, route).observe(seconds)
        if self._log:
            line = {"method": method, "path": scope["path"], "status": status, "ms": round(seconds * 1000, 2)}
            principal = principal_of(scope)
            if principal is not None:
                line["actor"] = principal.actor
            if QUERY_ID in scope:
                line["query_id"] = scope[QUERY_ID]
            _access.info(json.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **line}))
