"""The HTTP API and the page, assembled."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import quote

from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.errors import LookalikeError
from lookalike.serving import documentation, problems
from lookalike.serving.access import Budgets, KeyCheck, KeyIdentity, KeyRing
from lookalike.serving.access.cross_origin import cross_origin
from lookalike.serving.access.session import SessionRoutes
from lookalike.serving.collections import CollectionRoutes
from lookalike.serving.content import ContentRoutes
from lookalike.serving.direct import DirectAnswers
from lookalike.serving.duplicates import DuplicateRoutes
from lookalike.serving.early import EarlyRefusals
from lookalike.serving.events import EventRoutes
from lookalike.serving.experiments import ExperimentRoutes
from lookalike.serving.gates import Gate
from lookalike.serving.grading import GradingRoutes
from lookalike.serving.health import HealthRoutes, WarmUp
from lookalike.serving.images import ImageRoutes
from lookalike.serving.limits import BodyLimits, RequestLimits, Room
from lookalike.serving.metrics import Measured, log_access
from lookalike.serving.moderation import ModerationRoutes
from lookalike.serving.online_metrics import OnlineMetricsRoutes
from lookalike.serving.origin import HostNames, SecurityHeaders, SiteCheck
from lookalike.serving.pages import PageRoutes
from lookalike.serving.parameters import require_known_parameters
from lookalike.serving.problems import Incidents
from lookalike.serving.proxies import PublicAddress, TrustedProxies, root_path_of
from lookalike.serving.search import SearchRoutes
from lookalike.serving.services import Services, ServingSettings
from lookalike.serving.state import State
from lookalike.serving.streaming import HEAD_ONLY
from lookalike.version import __version__

_log = logging.getLogger(__name__)
_LEAST_PACKED = 1000  # bytes
_QUICK = 4  # of 9: a list of a hundred images takes half a millisecond
_SECONDS_BETWEEN_LOOKS = 5.0
_SECONDS_BETWEEN_COUNTS = 1.0

_DESCRIPTION = """Visual search that you own.

Errors are [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problems; their types,
`urn:lookalike:problem:<code>`, are stable.
"""


def create_app(services: Services, settings: ServingSettings) -> FastAPI:
    """The API over these services. When its lifespan ends it closes what it created, but not the services."""
    state = State.of(services, settings)
    warm_up = WarmUp(services.engine)
    app = FastAPI(
        title="lookalike",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,  # both load scripts from other sites
        redoc_url=None,
        openapi_url=None,  # see `documentation`
        redirect_slashes=False,
        lifespan=_lifespan(state, warm_up),
        dependencies=[Depends(require_known_parameters)],
    )
    for routes in (SearchRoutes(state), ImageRoutes(state), ContentRoutes(state), EventRoutes(state)):
        routes.add_to(app)
    OnlineMetricsRoutes(state).add_to(app)
    DuplicateRoutes(state).add_to(app)
    CollectionRoutes(state).add_to(app)
    GradingRoutes(state).add_to(app)
    ExperimentRoutes(state).add_to(app)
    ModerationRoutes(state).add_to(app)
    keys = KeyIdentity(KeyRing(services.catalog), token=settings.admin_token)
    SessionRoutes(keys).add_to(app)
    HealthRoutes(state, warm_up).add_to(app)
    PageRoutes().add_to(app)
    problems.install(app)
    documentation.install(app)
    app.add_middleware(DirectAnswers, of=app)
    app.add_middleware(KeyCheck, identity=keys, budgets=Budgets())
    _add_middleware(app, state)
    app.state.early_refusals = _early_refusals(state)
    return app


def _add_middleware(app: FastAPI, state: State) -> None:
    """From the inside out: each one wraps those before it, and all of them the check of keys."""
    settings = state.settings
    names = HostNames(settings.host, settings.allowed_hosts)
    app.add_middleware(SiteCheck, names=names, origins=settings.allowed_origins)
    app.add_middleware(Incidents)
    trusted = TrustedProxies(settings.trusted_proxies)
    bodies = BodyLimits(
        max_bytes=settings.max_body_bytes,
        seconds=settings.body_seconds,
        idle_seconds=settings.body_idle_seconds,
        room=Room(settings.max_received_bytes, many=trusted.stands_for_many),
    )
    app.add_middleware(RequestLimits, bodies=bodies)
    app.add_middleware(SecurityHeaders)
    if settings.allowed_origins:
        app.add_middleware(CORSMiddleware, **cross_origin(settings.allowed_origins))
    app.add_middleware(PackedJson)
    app.add_middleware(Measured, meters=state.meters, log=settings.access_log)
    app.add_middleware(HeadAsGet)
    app.add_middleware(PublicAddress, root_path=root_path_of(settings.root_path), trusted=trusted)


def _early_refusals(state: State) -> EarlyRefusals:
    settings, root = state.settings, quote(root_path_of(state.settings.root_path))
    with_pictures = {b"/v1/search": state.gates.model, b"/v1/images": state.gates.uploads}
    with_json = {b"/v1/search": state.gates.searching}

    def answered(path: str, status: int, seconds: float) -> None:
        state.meters.answered("POST", path.removeprefix(root), status, seconds)
        if settings.access_log:
            log_access("POST", path, status, seconds)

    def everywhere(gates: dict[bytes, Gate]) -> dict[bytes, Gate]:
        return gates | {root.encode("ascii") + path: gate for path, gate in gates.items()}

    return EarlyRefusals(
        everywhere(with_pictures), everywhere(with_json), answered, other_sites=bool(settings.allowed_origins)
    )


class PackedJson:
    """ASGI middleware that compresses JSON answers for clients that accept it; pictures are already compressed.

    Nothing that is secret stands beside text that another site could choose, which is what compression gives away.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._packing = GZipMiddleware(app, minimum_size=_LEAST_PACKED, compresslevel=_QUICK)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        path = scope.get("path", "")
        if not (("/v1/" in path and not path.endswith("/content")) or path.endswith("/openapi.json")):
            await self._plain(scope, receive, send)
        elif any(name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"]):
            await self._packing(scope, receive, send)
        else:
            await self._plain(scope, receive, partial(_send_unpacked, send))


async def _send_unpacked(send: Send, message: Message) -> None:
    """Caches are told that the answer may be another for clients that accept compression."""
    if message["type"] == "http.response.start":
        message = {**message, "headers": [*message.get("headers", ()), (b"vary", b"Accept-Encoding")]}
    await send(message)


class HeadAsGet:
    """ASGI: HEAD is answered wherever GET is, with the same headers and no body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET", HEAD_ONLY: True}, receive, without_body)


def _lifespan(state: State, warm_up: WarmUp) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        warm_up.start()
        state.recall_watch.start()
        state.forgetting.start()
        await asyncio.to_thread(state.reserve.keep)
        tasks = [asyncio.create_task(_keep_published(state))]
        if state.meters.are_shared:
            tasks.append(asyncio.create_task(_keep_counted(state)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await asyncio.to_thread(_finish, state, warm_up)

    return lifespan


def _finish(state: State, warm_up: WarmUp) -> None:
    """What was answered is written down before the server ends."""
    warm_up.stop()
    state.recall_watch.stop()
    state.forgetting.stop()
    state.copies.stop()
    if not state.gates.close():
        _log.warning("requests that are still worked on are given up")
    state.services.engine.flush()


async def _keep_published(state: State) -> None:
    """The index of a catalog that was put in place under the service is built without waiting for an upload."""
    while True:
        await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
        try:
            await asyncio.to_thread(state.services.indexer.publish_if_late)
            await asyncio.to_thread(state.reserve.keep)
        except LookalikeError as fault:
            _log.warning("whether the index is due could not be seen: %s", fault)


async def _keep_counted(state: State) -> None:
    """The queues of this worker are told by the others, too."""
    while True:
        state.meters.refresh()
        await asyncio.sleep(_SECONDS_BETWEEN_COUNTS)
