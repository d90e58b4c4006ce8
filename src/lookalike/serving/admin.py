"""Permission to change the library and to see images that are not public."""

import hmac

from starlette.requests import Request

from lookalike.serving.problems import refused
from lookalike.types import Visibility


class Admin:
    """The only permission: the admin token.

    Args:
        token: None for a laptop: everybody who can reach the server may change images, and nobody sees private ones.
    """

    def __init__(self, token: str | None) -> None:
        self._token = token.encode() if token is not None else None

    def asks(self, request: Request) -> bool:
        """Whether the request carries the token."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if self._token is None or scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._token)

    def may_change(self, request: Request) -> bool:
        """Whether changes are open to everybody, or the request carries the token."""
        return self._token is None or self.asks(request)

    def require_for_changes(self, request: Request) -> None:
        """Let changes through when they are open or the token is there.

        Raises:
            Refused: `unauthorized`.
        """
        if not self.may_change(request):
            raise _unauthorized(request, "changing images")

    def require_for_hidden(self, request: Request) -> None:
        """Require permission to see images that are not public.

        Raises:
            Refused: `unauthorized`, or `forbidden` where no token is configured at all.
        """
        if self._token is None:
            raise refused("forbidden", "images that are not public are shown only by servers with an admin token")
        if not self.asks(request):
            raise _unauthorized(request, "seeing images that are not public")

    def sees(self, request: Request) -> Visibility | None:
        """The visibility of the images that the request may look at; None for any."""
        return None if self.asks(request) else Visibility.PUBLIC


def _unauthorized(request: Request, what: str) -> Exception:
    given = "authorization" in request.headers
    challenge = 'Bearer error="invalid_token"' if given else "Bearer"
    wrong = "the token is not the right one" if given else "no token was given"
    detail = f"{what} needs `Authorization: Bearer TOKEN`; {wrong}"
    return refused("unauthorized", detail, headers={"WWW-Authenticate": challenge})
