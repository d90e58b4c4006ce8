"""HTTP/1.1 connections: a timeout for request heads, and a problem document for data that is not HTTP."""

import asyncio
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from lookalike.serving.problems import MEDIA_TYPE, problem


class BoundedHeads(H11Protocol):
    """Closes a connection whose request head does not come whole: its first, or a later one that has begun to come.

    How long a connection may lie idle between two requests is uvicorn's `timeout_keep_alive`.
    """

    header_seconds: ClassVar[float] = 10.0
    _waits: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first head."""
        super().connection_made(transport)
        self._waits = self.loop.call_later(self.header_seconds, transport.close)

    def handle_events(self) -> None:
        """Wait for a later head from its first byte on."""
        super().handle_events()
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._waits is None and self.conn.trailing_data[0]:
            self._waits = self.loop.call_later(self.header_seconds, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong, and close."""
        told = problem("malformed-request", f"{msg} It is not HTTP/1.1, or its head is too long.")
        body = told.response("/").body
        head = (
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
            "connection: close\r\nx-content-type-options: nosniff\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + bytes(body))
        self.transport.close()

    def _stop_waiting(self) -> None:
        if self._waits is not None:
            self._waits.cancel()
            self._waits = None


def protocol(header_seconds: float) -> type[BoundedHeads]:
    """Connections whose request heads have to come within that time."""
    return type("Protocol", (BoundedHeads,), {"header_seconds": header_seconds})
