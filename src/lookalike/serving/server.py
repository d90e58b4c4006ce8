"""uvicorn, configured for this app: limited request heads, quiet logs, and a graceful shutdown."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from lookalike.errors import EnvironmentFault
from lookalike.library.open_files import most_open_files, raise_most_open_files
from lookalike.serving.connections import ConnectionLimits, connections_within
from lookalike.serving.proxies import TrustedProxies
from lookalike.serving.services import ServingSettings

_log = logging.getLogger(__name__)
_BACKLOG = 512
_STARTING_SECONDS = 30.0
_CLOSING_SECONDS = 10.0
_SWITCH_SECONDS = 0.0002  # that a thread keeps Python's lock while others want it; usually 5 ms, which each step waits
_UNIX = "unix:"
_OTHER_FILES = 200  # that a server has open beside connections, and beside a file that each of them is sent


def run(
    app: FastAPI,
    settings: ServingSettings,
    *,
    listening: Callable[[str], None] | None = None,
    listener: socket.socket | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM; then finish what runs, within `settings.drain_seconds`.

    Args:
        app: from `create_app`.
        settings: the same.
        listening: called with the URL once the server answers.
        listener: a socket that listens; None makes one.

    Raises:
        EnvironmentFault: the address cannot be listened on.
    """
    raise_most_open_files()
    gc.collect()
    gc.freeze()  # what is loaded by now stays: looking through it for garbage would stop every request for 0.1 s
    gc.collect()  # Python looks through everything once there is a quarter more than now: count without what stays
    sys.setswitchinterval(_SWITCH_SECONDS)
    Server(app, settings, listening=listening, listener=listener).run()


class Server:
    """A server that has its socket: connections queue from now on.

    Args:
        app: from `create_app`.
        settings: the same.
        listening: called with the URL once the server answers.
        listener: a socket that listens; None makes one.

    Raises:
        EnvironmentFault: the address cannot be listened on.
    """

    def __init__(
        self,
        app: FastAPI,
        settings: ServingSettings,
        *,
        listening: Callable[[str], None] | None = None,
        listener: socket.socket | None = None,
    ) -> None:
        self._socket = listener or listen(settings.host, settings.port)
        self.url = url_of(settings.host, self._socket)
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
        http=connections_within(_connection_limits(settings), getattr(app.state, "early_refusals", None)),
        timeout_keep_alive=settings.keep_alive_seconds,
        headers=[] if settings.keep_alive_seconds else [("connection", "close")],
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=settings.drain_seconds,
    )


def _connection_limits(settings: ServingSettings) -> ConnectionLimits:
    return ConnectionLimits(
        head_seconds=settings.header_seconds,
        write_seconds=settings.write_seconds,
        most=min(settings.max_connections, max((most_open_files() - _OTHER_FILES) // 2, 1)),
        most_of_client=settings.max_connections_per_client,
        many=TrustedProxies(settings.trusted_proxies).stands_for_many,
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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, and connections that are still open after the time to drain are cut."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            transport: Any = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
        await asyncio.sleep(0)  # they are closed in the loop's next round, which is the last one

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End in order, and at the latest when the time to drain and to close is over, whatever clients do."""
        if not self.should_exit:
            seconds = float(self.config.timeout_graceful_shutdown or 0) + _CLOSING_SECONDS
            watchdog = threading.Timer(seconds, _give_up, args=(seconds,))
            watchdog.daemon = True
            watchdog.start()
        super().handle_exit(sig, frame)

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


def _give_up(seconds: float) -> None:
    """Nothing that was acknowledged is lost by ending at once: every change is a transaction, every file a renaming."""
    _log.error("not everything ended within %g s of the signal; the process ends now", seconds)
    logging.shutdown()
    os._exit(1)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; `unix:PATH` for a unix socket.

    Raises:
        EnvironmentFault: the address cannot be listened on.
    """
    if host.startswith(_UNIX):
        return _listen_at_path(Path(host.removeprefix(_UNIX)))
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
            " choose another with --port, or stop the program that uses it"
        ) from None
    listener.listen(_BACKLOG)
    return listener


def _listen_at_path(path: Path) -> socket.socket:
    """A unix socket there, in the place of one that a server left behind."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket() and not _is_answered(path):
            path.unlink()
        listener.bind(str(path))
    except OSError as fault:
        listener.close()
        raise EnvironmentFault(
            f"cannot listen on the unix socket {path}: {fault.strerror or fault}; choose another path with --host,"
            " or stop the program that uses it"
        ) from None
    listener.listen(_BACKLOG)
    return listener


def _is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(str(path)) == 0


def url_of(host: str, listener: socket.socket) -> str:
    """The address that a socket is reached at from this machine."""
    bound: tuple[str, int] | str = listener.getsockname()
    if isinstance(bound, str):
        return f"{_UNIX}{bound}"
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{bound[1]}/"
