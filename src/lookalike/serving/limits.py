"""Limits of a request: address length, body bytes, body time. Pure ASGI, so that refused bodies are not read."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.serving.problems import Refused, problem, refused

_MOST_URL_BYTES = 8192
_LINGER_SECONDS = 10.0
_ALWAYS_TAKEN = 256 * 1024
_PACE = 200_000_000  # bytes a second: each costs the event loop a few nanoseconds, which other requests wait for
_LEAST_PAUSE = 0.002  # seconds


class Room:
    """Memory for the bodies of all requests that are being received or answered.

    A body's first 256 KiB are always taken, so that clients that send large bodies slowly keep no small ones out. One
    client may have half of the room.

    Args:
        most: bytes.
        many: whether an address stands for many clients, as a proxy's does; it may have all of the room.
    """

    def __init__(self, most: int, *, many: Callable[[str], bool] = lambda _address: False) -> None:
        self.taken = 0
        self._most = most
        self._many = many
        self._of_client: Counter[str] = Counter()

    def take(self, count: int, *, client: str, of_request: int) -> None:
        """Take room for the next bytes of a request.

        Args:
            count: bytes.
            client: whose.
            of_request: bytes of the request so far, these ones included.

        Raises:
            Refused: `busy`: there is none.
        """
        full = self.taken + count > self._most
        share_is_full = not self._many(client) and self._of_client[client] + count > self._most // 2
        if (full or share_is_full) and of_request > _ALWAYS_TAKEN:
            detail = "too many large bodies are being received; try again in a moment"
            raise refused("busy", detail, headers={"Retry-After": "1"})
        self.taken += count
        self._of_client[client] += count

    def give_back(self, count: int, *, client: str) -> None:
        """A request is over."""
        self.taken -= count
        self._of_client[client] -= count
        if self._of_client[client] <= 0:
            del self._of_client[client]


class Pace:
    """How quickly the large bodies of all requests together are received, so that the event loop has time for others.

    Args:
        a_second: bytes.
        clock: seconds.
    """

    def __init__(self, a_second: float = _PACE, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_second = a_second
        self._clock = clock
        self._free_at = 0.0

    def pause_after(self, count: int) -> float:
        """The seconds to wait after so many bytes before more are taken."""
        now = self._clock()
        self._free_at = max(self._free_at, now) + count / self._a_second
        return self._free_at - now


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """What bodies may take.

    Attributes:
        max_bytes: of a body.
        seconds: for a whole body to come.
        idle_seconds: for the next piece of it to come.
        room: for the bodies of all requests.
        pace: of large bodies; their first 256 KiB are taken at once.
    """

    max_bytes: int
    seconds: float
    idle_seconds: float
    room: Room
    pace: Pace = field(default_factory=Pace)


class RequestLimits:
    """ASGI middleware that counts a body while it streams and ends the request if it is too large or too slow.

    When an answer is sent before the whole body was read, the rest is read and thrown away for a while: a client that
    is still sending would otherwise meet a reset connection in place of the answer. Then the connection is closed.

    Args:
        app: what is protected.
        bodies: what they may take.
    """

    def __init__(self, app: ASGIApp, *, bodies: BodyLimits) -> None:
        self._app = app
        self._bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        client = str((scope.get("client") or ("", 0))[0])
        body = _Body(self._bodies, client, receive, send, comes=_has_body(headers))
        try:
            _check_url(scope)
            body.check_declared_length(headers)
        except Refused as refusal:
            await refusal.problem.response(scope["path"])(scope, body.receive, body.send)
            return
        try:
            await self._app(scope, body.receive, body.send)
        finally:
            self._bodies.room.give_back(body.kept, client=client)


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _check_url(scope: Scope) -> None:
    length = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    if length > _MOST_URL_BYTES:
        raise refused("url-too-long", f"the address has {length} bytes; the limit is {_MOST_URL_BYTES}")


class _Body:
    """One request's body on its way in, and the answer on its way out."""

    def __init__(self, limits: BodyLimits, client: str, receive: Receive, send: Send, *, comes: bool) -> None:
        self.kept = 0
        self._limits = limits
        self._client = client
        self._receive = receive
        self._send = send
        self._deadline = time.monotonic() + limits.seconds
        self._comes = comes
        self._lingers = False

    def check_declared_length(self, headers: Headers) -> None:
        declared = headers.get("content-length", "0")
        if not declared.isdecimal():
            raise refused("malformed-request", "Content-Length is not a number")
        if int(declared[:20]) > self._limits.max_bytes:
            raise self._too_large(f"of {declared[:20]} bytes ")

    async def receive(self) -> Message:
        if not self._comes:
            return await self._receive()
        limits = self._limits
        left = max(self._deadline - time.monotonic(), 0)
        try:
            async with asyncio.timeout(min(left, limits.idle_seconds)):
                message = await self._receive()
        except TimeoutError:
            late = f"did not come within {limits.seconds:g} s"
            detail = late if left <= limits.idle_seconds else f"stopped coming for {limits.idle_seconds:g} s"
            raise Refused(problem("body-timeout", f"the body {detail}")) from None
        self._comes = message["type"] == "http.request" and message.get("more_body", False)
        count = len(message.get("body", b""))
        if self.kept + count > limits.max_bytes:
            raise self._too_large("")
        limits.room.take(count, client=self._client, of_request=self.kept + count)
        self.kept += count
        if self._comes and self.kept > _ALWAYS_TAKEN:
            pause = limits.pace.pause_after(count)
            if pause > _LEAST_PAUSE:
                await asyncio.sleep(pause)
        return message

    def _too_large(self, size: str) -> Refused:
        return refused("body-too-large", f"a body {size}is too large: at most {self._limits.max_bytes} bytes are taken")

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._comes:
            self._lingers = True
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        ends = message["type"] == "http.response.body" and not message.get("more_body", False)
        if not (self._lingers and ends):
            await self._send(message)
            return
        await self._send({**message, "more_body": True})
        await self._throw_away_the_rest()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _throw_away_the_rest(self) -> None:
        thrown_away = 0
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                while self._comes and thrown_away <= 2 * self._limits.max_bytes:
                    message = await self._receive()
                    thrown_away += len(message.get("body", b""))
                    self._comes = message["type"] == "http.request" and message.get("more_body", False)
        except TimeoutError:
            return
