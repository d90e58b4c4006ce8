"""Values to HTTP answers."""

from collections.abc import Mapping

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

REVALIDATE = "private, no-cache"
"""Cache-Control of what may be kept but must be asked for again, so that what is hidden vanishes."""


BRIEFLY = "private, max-age=60, must-revalidate"
"""Cache-Control of thumbnails of public images: for a minute a browser shows one again without asking, so that
scrolling back costs no requests; then it has to ask, and what is hidden vanishes. Shared caches may not keep them."""


def json_answer(body: BaseModel, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The value as JSON."""
    return Response(body.model_dump_json(), status, headers=dict(headers or {}), media_type="application/json")


def is_known(request: Request, etag: str) -> bool:
    """Whether the client's If-None-Match names this entity (RFC 9110, 13.1.2: weak comparison)."""
    given = request.headers.get("if-none-match")
    if given is None:
        return False
    known = (candidate.strip().removeprefix("W/") for candidate in given.split(","))
    return given.strip() == "*" or etag.removeprefix("W/") in known
