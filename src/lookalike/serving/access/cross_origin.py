"""Which other sites' pages may read answers of the API (CORS)."""

from collections.abc import Sequence
from typing import TypedDict

_METHODS = ("GET", "POST", "PATCH", "DELETE")
_SENT = ("Authorization", "Content-Type", "If-None-Match", "X-Request-Timeout-Ms")
_READ = ("ETag", "Location", "Retry-After", "Server-Timing", "WWW-Authenticate")
_SECONDS = 600


class CrossOrigin(TypedDict):
    """Options of Starlette's `CORSMiddleware`."""

    allow_origins: Sequence[str]
    allow_methods: Sequence[str]
    allow_headers: Sequence[str]
    expose_headers: Sequence[str]
    allow_credentials: bool
    max_age: int


def cross_origin(origins: Sequence[str]) -> CrossOrigin:
    """What pages of these sites may do: everything their key allows, but never with the cookie of our own page.

    Args:
        origins: as `https://name[:port]`.
    """
    return CrossOrigin(
        allow_origins=origins,
        allow_methods=_METHODS,
        allow_headers=_SENT,
        expose_headers=_READ,
        allow_credentials=False,
        max_age=_SECONDS,
    )
