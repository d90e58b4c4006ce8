"""uvicorn, set up for this app: bounded heads, quiet logs, an end that waits for what runs."""

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from lookalike.errors import EnvironmentFault
from lookalike.serving.problems import MEDIA_TYPE, problem
from lookalike.serving.services import ServingSettings

_log = logging.getLogger(__name__)
_BACKLOG = 512
_STARTING_SECONDS = 30.0


def run(app: FastAPI, settings: ServingSettings, *, listening: Callable[[str], None] | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM; then finish what runs, within `settings.drain_seconds`.

    Args:
        app: from `create_app`.
        settings: the same.
        listening: is told the address, as a URL, once the server answers.

    Raises:
        EnvironmentFault: the address cannot be listened on.
    """
    Server(app, settings, listening=listening).run()


class Server:
    """A server that has its socket: connections queue from now on.

    Args:
        app: from `create_app`.
        settings: the same.
        listening: is told the URL once the server answers.

    Raises:
        EnvironmentFault: the address cannot be listened on.
    """

    def __init__(
        self, app: FastAPI, settings: ServingSettings, *, listening: Callable[[str], None] | None = None
    ) -> None:
        self._socket = _listen(settings.host, settings.port)
        self.url = _url(settings.host, self._socket.getsockname()[1])
        self._uvicorn = _Uvicorn(_config(app, settings), on_start=lambda: listening(self.url) if listening else None)
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Serve until a signal or `stop`."""
        try:
            self._uvicorn.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def start(self) -> None:
        """Serve in a thread of its own; returns when the server answers.

        Raises:
            EnvironmentFault: it did not start.
        """
        self._thread = threading.Thread(target=self.run, name="lookalike-server", daemon=True)
        self._thread.start()
        if not self._uvicorn.answers.wait(_STARTING_SECONDS):
            raise EnvironmentFault("the server did not start; its log says why")

    def stop(self) -> None:
        """Ask the server to end, and wait until it has."""
        self._uvicorn.should_exit = True
        if self._thread is not None:
            self._thread.join()


def _config(app: FastAPI, settings: ServingSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_protocol(settings.header_seconds),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=settings.drain_seconds,
    )


class _Uvicorn(uvicorn.Server):
    """As uvicorn's, but it says when it answers, and a signal ends it without killing the program around it."""

    def __init__(self, config: uvicorn.Config, *, on_start: Callable[[], None]) -> None:
        super().__init__(config)
        self.answers = threading.Event()
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.answers.set()
            self._on_start()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        wanted = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _protocol(header_seconds: float) -> type[H11Protocol]:
    """HTTP/1.1 that closes connections whose request head does not come, and says what is wrong as a problem."""

    class Impatient(H11Protocol):
        _waits: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._waits = self.loop.call_later(header_seconds, transport.close)

        def handle_events(self) -> None:
            super().handle_events()
            if self._waits is not None and self.scope is not None:
                self._waits.cancel()
                self._waits = None

        def connection_lost(self, exc: Exception | None) -> None:
            if self._waits is not None:
                self._waits.cancel()
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            told = problem("malformed-request", f"{msg} It is not HTTP/1.1, or its head is too long.")
            body = told.response("/").body
            head = (
                f"HTTP/1.1 400 Bad Request\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
                "connection: close\r\nx-content-type-options: nosniff\r\n\r\n"
            )
            self.transport.write(head.encode("ascii") + bytes(body))
            self.transport.close()

    return Impatient


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only where the protocol is named does asyncio switch Nagle's algorithm off; an answer's body then does not wait
    # some 40 ms for the client to acknowledge its head.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except (OSError, OverflowError) as fault:
        listener.close()
        raise EnvironmentFault(
            f"cannot listen on {host} port {port}: {getattr(fault, 'strerror', None) or fault};"
            " choose another with --port, or end the program that has it"
        ) from None
    listener.listen(_BACKLOG)
    return listener


def _url(host: str, port: int) -> str:
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{port}/"
