"""HTTP/1.1 connections: what each of them may send and how long it may take, and how many there may be.

uvicorn's own connections wait for as long as their peers do. A peer that sends one byte a minute, or reads none, would
hold a connection, its memory and a file descriptor for ever.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from lookalike.serving.early import EarlyRefusals
from lookalike.serving.patience import GONE
from lookalike.serving.problems import MEDIA_TYPE, Problem, problem

_MOST_HEAD_BYTES = 64 * 1024
_MOST_HEADERS = 256
_MOST_PIPELINED = 128  # requests that wait for the answer to an earlier one
_FREE_PIECES = 1024  # of a body; beyond them pieces must hold so many bytes on average:
_LEAST_PIECE_BYTES = 128
_FREE_FRAMING = 64 * 1024  # bytes of a body that are not its content: lengths and extensions of chunks, trailers
_SECONDS_BETWEEN_LOOKS = 0.25
_SECONDS_TO_LEAVE = 0.5
_MISTAKE_SECONDS = 0.1  # before one is told: peers that make one after the other would keep the event loop busy
_FOR_EVER = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What connections may take.

    Attributes:
        head_seconds: for a request's head to come whole, from the connection's start or the head's first byte.
        write_seconds: for 48 KiB of an answer to be read, where the peer reads slower than we write.
        most: connections at once.
        most_of_client: connections of one address; one that stands for many clients may have `most`.
        many: whether an address stands for many clients, as a proxy's does.
    """

    head_seconds: float = 10.0
    write_seconds: float = 30.0
    most: int = 1000
    most_of_client: int = 100
    many: Callable[[str], bool] = lambda _address: False


class OpenConnections:
    """All connections of a server: counts them, and ends those whose time is over. Only for the event loop's thread.

    Where there are as many as there may be, a new one takes the place of the one that has been idle for longest, so
    that idle connections never keep anybody out.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.refusals = 0
        self._open: dict[BoundedConnection, str] = {}
        self._of_client: Counter[str] = Counter()
        self._looks: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: "BoundedConnection") -> bool:
        """Count a new one; False where it cannot be taken."""
        client = connection.client[0] if connection.client else ""
        counted = "" if self.limits.many(client) else client
        if (counted and self._of_client[counted] >= self.limits.most_of_client) or not self._has_room():
            self.refusals += 1
            return False
        self._open[connection] = counted
        self._of_client[counted] += 1
        if self._looks is None:
            self._looks = connection.loop.call_later(_SECONDS_BETWEEN_LOOKS, self._look)
        return True

    def remove(self, connection: "BoundedConnection") -> None:
        """It is closed."""
        counted = self._open.pop(connection, None)
        if counted is not None:
            self._of_client[counted] -= 1
            if not self._of_client[counted]:
                del self._of_client[counted]
        if not self._open and self._looks is not None:
            self._looks.cancel()
            self._looks = None

    def _has_room(self) -> bool:
        if len(self._open) < self.limits.most:
            return True
        idle = min((one for one in self._open if one.is_idle), key=lambda one: one.active_at, default=None)
        if idle is None:
            return False
        idle.transport.abort()
        self.remove(idle)
        return True

    def _look(self) -> None:
        now = time.monotonic()
        for connection in [one for one in self._open if one.is_late(now)]:
            connection.end()
        self._looks = None
        if self._open:
            loop = next(iter(self._open)).loop
            self._looks = loop.call_later(_SECONDS_BETWEEN_LOOKS, self._look)


class BoundedConnection(HttpToolsProtocol):
    """A connection within limits.

    How long it may lie idle between two requests is uvicorn's `timeout_keep_alive`. How long a body may take is the
    business of `RequestLimits`; here its pieces are counted, because each costs time however few bytes it has.
    """

    all_open: ClassVar[OpenConnections]
    early: ClassVar[EarlyRefusals | None]

    def connection_made(self, transport: Any) -> None:
        """Wait for the first head, if there is room for one more."""
        super().connection_made(transport)
        self._writes = _JoinedWrites(transport, self.loop)
        self.transport = cast("asyncio.Transport", self._writes)
        limits = self.all_open.limits
        self.active_at = time.monotonic()
        self._head_until = self.active_at + limits.head_seconds
        self._write_until = self._close_until = _FOR_EVER
        self._in_head = self._is_leaving = False
        self._head_bytes = self._hosts = 0
        self._pieces = self._content_bytes = self._wire_bytes = self._received = 0
        self._mistake: str | None = None
        self._tell_at = _FOR_EVER
        if not self.all_open.add(self):
            self._answer_and_close(503, "busy", "as many connections are open as there may be; try again in a moment")

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self.all_open.remove(self)
        super().connection_lost(exc)

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        cycle = self._current
        return (cycle is None or cycle.response_complete) and not self.pipeline

    @property
    def _current(self) -> RequestResponseCycle | None:
        """The newest request; None before the first."""
        return self.cycle

    def is_late(self, now: float) -> bool:
        """Whether its peer took too long over what is waited for."""
        if self.transport.is_closing() and self._close_until == _FOR_EVER:
            self._close_until = now + self.all_open.limits.write_seconds  # for what was written to be read
        return now > min(self._head_until, self._write_until, self._close_until)

    def end(self) -> None:
        """Close it; at once where its peer does not read."""
        if self.transport.is_closing() or self._write_until != _FOR_EVER:
            self.transport.abort()
        else:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self._unset_keepalive_if_required()
        self.active_at = time.monotonic()
        if self._mistake is not None or self.transport.is_closing():
            return
        self._received = len(data)
        self._wire_bytes += len(data)
        self._head_bytes += len(data) if self._in_head else 0
        try:
            self._feed(data)
            self._check_sizes()
        except (httptools.HttpParserError, _OverLimitError):
            self._mistake = "The request cannot be parsed, or has too long a head or too many small pieces."
            self.flow.pause_reading()
            self._tell_at = self.active_at + _MISTAKE_SECONDS
            self.loop.call_later(_MISTAKE_SECONDS, self._tell_mistake)
            return
        if self.is_idle and self._head_until == _FOR_EVER:
            self._head_until = self.active_at + self.all_open.limits.head_seconds

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as asked:  # for another protocol, which we have not: HTTP goes on
                data = data[asked.args[0] :]
            else:
                return

    def _check_sizes(self) -> None:
        framing = self._wire_bytes - self._content_bytes
        in_body = self._current is not None and self._current.more_body
        if self._in_head and self._head_bytes > _MOST_HEAD_BYTES:
            raise _OverLimitError
        if in_body and framing > _FREE_FRAMING + self._content_bytes:
            raise _OverLimitError

    def on_message_begin(self) -> None:
        """A head begins: it has to come whole in time."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = self._hosts = 0
        self._pieces = self._content_bytes = self._wire_bytes = 0
        self._head_until = min(self._head_until, self.active_at + self.all_open.limits.head_seconds)

    def on_url(self, url: bytes) -> None:
        """A piece of the address."""
        super().on_url(url)
        if len(self.url) > _MOST_HEAD_BYTES:
            raise _OverLimitError

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; trailers are dropped, which nothing here needs."""
        if not self._in_head:
            return
        super().on_header(name, value)
        self._hosts += self.headers[-1][0] == b"host"
        if len(self.headers) > _MOST_HEADERS or len(name) + len(value) > _MOST_HEAD_BYTES:
            raise _OverLimitError

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head, self._head_until = False, _FOR_EVER
        if self._hosts > 1 or (self._hosts == 0 and self.parser.get_http_version() == "1.1"):
            raise _OverLimitError  # RFC 9112, 3.2
        if len(self.pipeline) >= _MOST_PIPELINED:
            raise _OverLimitError
        if self._is_refused_early():
            return
        cast("dict[str, Any]", self.scope)[GONE] = self.transport.is_closing
        super().on_headers_complete()
        if self._is_leaving:
            self.cycle.keep_alive = False

    def _is_refused_early(self) -> bool:
        """Whether the request was answered already; its body is then skipped, and the connection goes on behind it."""
        if self.early is None or not self.is_idle or self._is_leaving or not self.parser.should_keep_alive():
            return False
        path = self.url.partition(b"?")[0]
        refusal = self.early.refusal(self.parser.get_method(), path, self.headers, received=self._received)
        if refusal is None:
            return False
        self.cycle = cast("RequestResponseCycle", _REFUSED)
        self.server_state.total_requests += 1
        self._writes.write_whole(_refusing(refusal, path.decode("ascii"), closes=False))
        return True

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._pieces += 1
        self._content_bytes += len(body)
        if self._pieces > _FREE_PIECES and self._content_bytes < self._pieces * _LEAST_PIECE_BYTES:
            raise _OverLimitError
        super().on_body(body)

    def on_response_complete(self) -> None:
        """The next request's turn, or what was wrong behind the last one."""
        super().on_response_complete()
        if time.monotonic() >= self._tell_at:
            self._tell_mistake()

    def shutdown(self) -> None:
        """The server ends: a request that is on its way already is answered, and the connection closed behind it."""
        self._is_leaving = True
        if self.is_idle:
            self._head_until = min(self._head_until, time.monotonic() + _SECONDS_TO_LEAVE)
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        """The peer reads slower than we write: it has to read some in time."""
        super().pause_writing()
        self._write_until = time.monotonic() + self.all_open.limits.write_seconds

    def resume_writing(self) -> None:
        """It has."""
        super().resume_writing()
        self._write_until = _FOR_EVER

    def _tell_mistake(self) -> None:
        """Say what is wrong and close, behind the answers to the requests that came before."""
        if self._mistake is None or self.transport.is_closing():
            return
        cycle = self._current
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            self.flow.pause_reading()
        elif self.pipeline:
            pass  # it is told behind their answers
        elif cycle is None or cycle.response_complete or not cycle.response_started:
            self._answer_and_close(400, "malformed-request", f"{self._mistake} It must be HTTP/1.1.")
        else:
            self.transport.close()

    def _answer_and_close(self, status: int, code: str, detail: str) -> None:
        self._writes.write_whole(_refusing(problem(code, detail, status=status), "/", closes=True))
        self.transport.close()


def _refusing(refusal: Problem, path: str, *, closes: bool) -> bytes:
    """A refusal as HTTP."""
    body = bytes(refusal.response(path).body)
    reason = {400: "Bad Request", 503: "Service Unavailable"}[refusal.status]
    headers = {**refusal.headers, **({"connection": "close"} if closes else {})}
    more = "".join(f"{name.lower()}: {value}\r\n" for name, value in headers.items())
    head = (
        f"HTTP/1.1 {refusal.status} {reason}\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
        f"x-content-type-options: nosniff\r\n{more}\r\n"
    )
    return head.encode("ascii") + body


class _Refused:
    """Stands for a request that was refused early: it is answered, and whatever comes of its body is skipped."""

    response_complete = True
    more_body = False
    disconnected = False
    message_event = asyncio.Event()


_REFUSED = _Refused()


class _JoinedWrites:
    """A transport that sends the head of an answer together with the beginning of its body: one packet, not two.

    Whatever is held back is sent in the event loop's next round at the latest.
    """

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def write(self, data: bytes) -> None:
        if not self._held and data.startswith(b"HTTP/1.1 "):
            self._held = data
            self._loop.call_soon(self._flush)
            return
        held, self._held = self._held, b""
        self._transport.write(held + data if held else data)

    def write_whole(self, answer: bytes) -> None:
        """Send an answer that nothing follows."""
        self._flush()
        self._transport.write(answer)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _OverLimitError(Exception):
    """What a peer sends is no request that is taken."""


def connections_within(limits: ConnectionLimits, early: EarlyRefusals | None) -> type[BoundedConnection]:
    """The class of a server's connections, all of which share those limits."""
    return type("Connection", (BoundedConnection,), {"all_open": OpenConnections(limits), "early": early})
