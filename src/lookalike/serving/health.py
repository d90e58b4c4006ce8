"""`/healthz`, `/readyz` and `/metrics`, and the thread that makes the server ready."""

import logging
import threading
from functools import partial

from fastapi import FastAPI
from starlette.responses import Response

from lookalike.errors import LookalikeError
from lookalike.retrieval import SearchEngine
from lookalike.serving.answers import json_answer
from lookalike.serving.paced import Paced
from lookalike.serving.problems import told_notes, without_paths
from lookalike.serving.state import State
from lookalike.serving.wire import Alive, ReadinessRecord

_log = logging.getLogger(__name__)
_SECONDS_BETWEEN_TRIES = 2.0
_SECONDS_BETWEEN_EXPOSITIONS = 0.1  # making one takes some 10 ms of Python's lock
_NOT_TOLD = "the model and the index: opening them failed, the server's log says why"


class WarmUp:
    """Opens the model and the index in the background, and retries until it succeeds.

    A server may be started before its library is indexed: it says what it waits for, and goes on by itself.
    """

    def __init__(self, engine: SearchEngine) -> None:
        self.waiting_for = ""
        self._engine = engine
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._try_until_ready, name="lookalike-warm-up", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Stop trying, or wait until opening has finished."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _try_until_ready(self) -> None:
        while not self._stop.is_set():
            try:
                self._engine.warm_up()
            except LookalikeError as fault:
                self._tell(str(fault))
            except Exception:  # noqa: BLE001 - the server lives on and says what it waits for
                _log.exception("the model or the index could not be opened")
                self._tell(_NOT_TOLD)
            else:
                self.waiting_for = ""
                return
            self._stop.wait(_SECONDS_BETWEEN_TRIES)

    def _tell(self, reason: str) -> None:
        if reason != self.waiting_for:
            _log.warning("not ready: %s", reason)
            self.waiting_for = reason


class HealthRoutes:
    """Routes for monitoring."""

    def __init__(self, state: State, warm_up: WarmUp) -> None:
        self._state = state
        self._warm_up = warm_up
        expose = partial(state.gates.reading.enter_and_run, state.meters.exposition)
        self._exposition = Paced(expose, seconds=_SECONDS_BETWEEN_EXPOSITIONS)

    def add_to(self, app: FastAPI) -> None:
        """Make the app answer probes."""
        app.get("/healthz", tags=["operations"], operation_id="check_health", summary="Whether the process answers",
            response_model=Alive,
        )(self.alive)  # fmt: skip
        app.get(
            "/readyz",
            tags=["operations"],
            operation_id="check_readiness",
            summary="Whether searches can be answered, and what is waited for",
            response_model=ReadinessRecord,
            responses={503: {"model": ReadinessRecord, "description": "Not yet"}},
        )(self.ready)
        app.get(
            "/metrics",
            tags=["operations"],
            operation_id="get_metrics",
            summary="Prometheus metrics",
            response_class=Response,
            responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        )(self.metrics)

    async def alive(self) -> Response:
        """Answers whatever the state of the library."""
        return json_answer(Alive())

    async def ready(self) -> Response:
        """200 when the model and the index are open, else 503."""
        now = self._state.services.engine.ready()
        waiting_for = self._warm_up.waiting_for or now.waiting_for
        record = ReadinessRecord(
            ready=now.ready,
            waiting_for="" if now.ready else without_paths(waiting_for, otherwise=_NOT_TOLD),
            generation=now.generation,
            images=now.images,
            tail=now.tail,
            snapshot=now.snapshot,
            notes=told_notes(now.notes),
        )
        headers = {} if now.ready else {"Retry-After": "1"}
        return json_answer(record, status=200 if now.ready else 503, headers=headers)

    async def metrics(self) -> Response:
        """In Prometheus's text format."""
        return await self._exposition.get()
