"""Files as answers, whole or a part (RFC 9110, section 14), which never stand in memory whole."""

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lookalike.serving.patience import GONE
from lookalike.serving.problems import refused

HEAD_ONLY = "lookalike.head_only"
"""In a request's scope: the answer's body is not sent."""

_PIECE = 256 * 1024
_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII | re.IGNORECASE)
_MOST_DIGITS = 18


def requested_part(request: Request, *, size: int, etag: str) -> range | None:
    """The bytes that a request asks for; None for all of them.

    Several ranges, which no viewer of pictures asks for, and other units are answered with all, as the RFC allows.

    Args:
        request: with or without `Range` and `If-Range`.
        size: of the whole, bytes.
        etag: strong, of the whole.

    Raises:
        Refused: `range-not-satisfiable`.
    """
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None or asked[1] + asked[2] == "" or request.headers.get("if-range", etag) != etag:
        return None
    first, last = asked[1][:_MOST_DIGITS], asked[2][:_MOST_DIGITS]
    if first == "":
        part = range(max(size - int(last), 0), size)
    else:
        part = range(int(first), min(int(last) + 1, size) if last else size)
        if last and int(last) < int(first):
            return None  # no valid range at all
    if not part:
        detail = f"the image has {size} bytes"
        raise refused("range-not-satisfiable", detail, headers={"Content-Range": f"bytes */{size}"})
    return part


class StreamedFile(Response):
    """A part of a file, read piece by piece as its client takes it; closes the file.

    Args:
        file: opened.
        size: of the whole, bytes.
        part: of it; None for all.
        read: runs reading in a thread.
        headers: of the answer, beside those that say which part it is.
        media_type: of the whole.
    """

    def __init__(
        self,
        file: BinaryIO,
        *,
        size: int,
        part: range | None,
        read: Callable[[Callable[[], bytes]], Awaitable[bytes]],
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        self._file = file
        self._part = range(size) if part is None else part
        self._read = read
        told = {**headers, "Accept-Ranges": "bytes", "Content-Length": str(len(self._part))}
        if part is not None:
            told["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
        super().__init__(status_code=200 if part is None else 206, headers=told, media_type=media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI has it
        """Send it."""
        is_gone = scope.get(GONE, lambda: False)
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            left = 0 if scope.get(HEAD_ONLY) else len(self._part)
            self._file.seek(self._part.start)
            while left and not is_gone():
                piece = await self._read(partial(self._file.read, min(left, _PIECE)))
                if not piece:
                    break  # somebody cuts the file; the connection is then closed, for less came than was said
                left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._file.close()
