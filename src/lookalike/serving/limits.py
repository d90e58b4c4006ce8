"""Limits of a request: address length, body bytes, body time. Pure ASGI, so that refused bodies are not read."""

import asyncio
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.serving.problems import Refused, problem, refused

_MOST_URL_BYTES = 8192
_LINGER_SECONDS = 10.0


class RequestLimits:
    """ASGI middleware that counts a body while it streams and ends the request if it is too large or too slow.

    When an answer is sent before the whole body was read, the rest is read and thrown away for a while: a client that
    is still sending would otherwise meet a reset connection in place of the answer. Then the connection is closed.

    Args:
        app: what is protected.
        max_bytes: of a body.
        seconds: for a whole body to come.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, seconds: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        body = _Body(headers, receive, send, max_bytes=self._max_bytes, seconds=self._seconds)
        try:
            _check_url(scope)
            body.check_declared_length(headers)
        except Refused as refusal:
            await refusal.problem.response(scope["path"])(scope, body.receive, body.send)
            return
        await self._app(scope, body.receive, body.send)


def _check_url(scope: Scope) -> None:
    length = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    if length > _MOST_URL_BYTES:
        raise refused("url-too-long", f"the address has {length} bytes; the limit is {_MOST_URL_BYTES}")


class _Body:
    """One request's body on its way in, and the answer on its way out."""

    def __init__(self, headers: Headers, receive: Receive, send: Send, *, max_bytes: int, seconds: float) -> None:
        self._receive = receive
        self._send = send
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._bytes = 0
        self._comes = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        self._lingers = False

    def check_declared_length(self, headers: Headers) -> None:
        declared = headers.get("content-length", "0")
        if not declared.isdecimal():
            raise refused("malformed-request", "Content-Length is not a number")
        if int(declared[:20]) > self._max_bytes:
            raise self._too_large(f"of {declared[:20]} bytes ")

    async def receive(self) -> Message:
        if not self._comes:
            return await self._receive()
        try:
            async with asyncio.timeout(max(self._deadline - time.monotonic(), 0)):
                message = await self._receive()
        except TimeoutError:
            detail = f"the body did not come within {self._seconds:g} s"
            raise Refused(problem("body-timeout", detail)) from None
        self._comes = message["type"] == "http.request" and message.get("more_body", False)
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._max_bytes:
            raise self._too_large("")
        return message

    def _too_large(self, size: str) -> Refused:
        return refused("body-too-large", f"a body {size}is too large: at most {self._max_bytes} bytes are taken")

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
                while self._comes and thrown_away <= 2 * self._max_bytes:
                    message = await self._receive()
                    thrown_away += len(message.get("body", b""))
                    self._comes = message["type"] == "http.request" and message.get("more_body", False)
        except TimeoutError:
            return
