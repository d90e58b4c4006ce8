"""Permission to change the library and to see images that are not public."""

import hmac

from starlette.requests import Request

from lookalike.catalog import Catalog, Scope
from lookalike.errors import UnknownImage
from lookalike.serving.access.check import bearer
from lookalike.serving.access.principal import principal_of
from lookalike.serving.problems import refused
from lookalike.types import Visibility


class Admin:
    """What a request may do beside searching: as its key allows, or, on a server without keys, as the admin token says.

    Args:
        token: None for a laptop: everybody who can reach the server may change images, and nobody sees private ones.
        catalog: where changes are written down.
    """

    def __init__(self, token: str | None, catalog: Catalog) -> None:
        self._token = token.encode() if token is not None else None
        self._catalog = catalog

    def asks(self, request: Request) -> bool:
        """Whether the request may see and do everything: it has a key with the scope `admin`, or the token."""
        principal = principal_of(request.scope)
        if principal is not None:
            return principal.allows(Scope.ADMIN)
        given = bearer(request)
        if self._token is None or not given:
            return False
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token)

    def may_change(self, request: Request) -> bool:
        """Whether changes are open to everybody, or the request's key or token allows them."""
        principal = principal_of(request.scope)
        if principal is not None:
            return principal.allows(Scope.WRITE)
        return self._token is None or self.asks(request)

    def require_for_changes(self, request: Request) -> None:
        """Let changes through when they are open, or the key or token allows them.

        Raises:
            Refused: `unauthorized`.
        """
        if not self.may_change(request):
            raise _unauthorized(request, "changing images")

    def require_for_hidden(self, request: Request) -> None:
        """Require permission to see images that are not public.

        Raises:
            Refused: `unauthorized`, or `forbidden` where the key does not allow it or no token is configured at all.
        """
        if principal_of(request.scope) is not None:
            if not self.asks(request):
                raise refused("forbidden", "images that are not public are shown to keys with the scope admin")
            return
        if self._token is None:
            raise refused("forbidden", "images that are not public are shown only by servers with an admin token")
        if not self.asks(request):
            raise _unauthorized(request, "seeing images that are not public")

    def sees(self, request: Request) -> Visibility | None:
        """The visibility of the images that the request may look at; None for any."""
        return None if self.asks(request) else Visibility.PUBLIC

    def owner_of(self, request: Request) -> str | None:
        """The owner that the request's key acts for; None where it acts for nobody in particular."""
        principal = principal_of(request.scope)
        return principal.owner_id if principal is not None else None

    def require_own(self, request: Request, image_id: str, *, new_owner: str | None = None) -> None:
        """Let changes of an image through, unless the key acts for an owner and the image is, or shall be, another's.

        What moderation hides is not there for others than reviewers. In a thread that may wait.

        Raises:
            Refused: `forbidden`.
            UnknownImage: there is no public image of that id, or moderation hides it.
        """
        known = {} if self.asks(request) else self._catalog.moderation.get([image_id])
        if image_id in known and known[image_id].verdict.state.hides:
            raise UnknownImage.of(image_id)
        owner = self.owner_of(request)
        if owner is None:
            return
        now_of = self._catalog.images.get(image_id, visibility=Visibility.PUBLIC).owner_id
        if now_of != owner or new_owner not in {None, owner}:
            raise refused("forbidden", "this key may only change images of its own owner")

    def trusts(self, request: Request) -> bool:
        """Whether uploads need not wait for review, where those of others do: by the key's scope, or with the token."""
        principal = principal_of(request.scope)
        return self.asks(request) if principal is None else principal.allows(Scope.TRUSTED)

    def actor(self, request: Request) -> str:
        """Who asks, as the audit log names them."""
        principal = principal_of(request.scope)
        nobody = "admin-token" if self.asks(request) else "anybody"
        return nobody if principal is None else principal.actor

    def written_down(self, request: Request, action: str, subject: str, details: str = "") -> None:
        """Write down a change that was made. In a thread that may wait for the catalog."""
        self._catalog.audit.add(actor=self.actor(request), action=action, subject=subject, details=details)


def _unauthorized(request: Request, what: str) -> Exception:
    given = "authorization" in request.headers
    challenge = 'Bearer error="invalid_token"' if given else "Bearer"
    wrong = "the token is not the right one" if given else "no token was given"
    detail = f"{what} needs `Authorization: Bearer TOKEN`; {wrong}"
    return refused("unauthorized", detail, headers={"WWW-Authenticate": challenge})
