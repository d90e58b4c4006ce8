"""Every request, before any route sees it: does it carry a key, and does the key allow it?"""

import hmac
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from lookalike.errors import LookalikeError
from lookalike.serving.access.budgets import Budgets
from lookalike.serving.access.keyring import KeyRing
from lookalike.serving.access.principal import Principal
from lookalike.serving.access.rules import required_scope
from lookalike.serving.problems import Refused, problem_of, refused

COOKIE = "lookalike_key"
"""The page's key: HttpOnly, so that no script can read it, and SameSite=Strict, so that no other site can use it."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class KeyIdentity:
    """Knows whose key or token a request carries.

    Args:
        ring: looks keys up.
        token: the admin token, if there is one.
    """

    def __init__(self, ring: KeyRing, *, token: str | None) -> None:
        self._ring = ring
        self._token = token

    async def is_needed(self) -> bool:
        """Whether the library has keys, so that every request needs one."""
        return await self._ring.has_keys()

    async def of(self, given: str) -> Principal | None:
        """Whose key or token a text is; None where it is none that works."""
        if given and self._token is not None and hmac.compare_digest(given.encode(), self._token.encode()):
            return Principal(is_token=True)
        key = await self._ring.find(given) if given else None
        return Principal(key=key) if key is not None and key.works_at(datetime.now(UTC)) else None

    async def carried_by(self, request: Request) -> Principal | None:
        """Whose key or token the request carries, in a header or the page's cookie; None where none that works."""
        return await self.of(bearer(request) or _cookie(request))


class KeyCheck:
    """ASGI: on a server whose library has keys, lets through what the request's key or token allows.

    Without any key in the library everything is as `Admin` says.

    Args:
        app: what is protected.
        identity: knows whose key a request carries.
        budgets: counts requests of keys.
    """

    def __init__(self, app: ASGIApp, *, identity: KeyIdentity, budgets: Budgets) -> None:
        self._app = app
        self._identity = identity
        self._budgets = budgets

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            principal = await self._principal(scope)
            if principal is None or principal.key is None:
                await self._app(scope, receive, send)
                return
            with self._budgets.spend(principal.key):
                await self._app(scope, receive, send)
        except Refused as refusal:
            await refusal.problem.response(scope["path"])(scope, receive, send)
        except LookalikeError as fault:
            told = problem_of(fault)
            if told is None:
                raise
            await told.response(scope["path"])(scope, receive, send)

    async def _principal(self, scope: AsgiScope) -> Principal | None:
        """Who asks, once it is clear that they may; None where no key is needed.

        Raises:
            Refused: `key-required` or `forbidden`.
        """
        needed = required_scope(scope["method"], scope["path"].removeprefix(scope.get("root_path", "")))
        if needed is None or not await self._identity.is_needed():
            return None
        request = Request(scope)
        principal = await self._identity.carried_by(request)
        if principal is None:
            raise _unauthorized(request)
        if not principal.allows(needed):
            raise refused("forbidden", f"this key has no scope {needed}: ask for one that has")
        principal.put_into(scope)
        return principal


def bearer(request: Request) -> str:
    """What `Authorization: Bearer` carries; empty where there is none."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def _cookie(request: Request) -> str:
    """The cookie's key. For a change, the browser also has to say which page asks: `SiteCheck` has looked at that."""
    says_who = "origin" in request.headers or "sec-fetch-site" in request.headers
    return request.cookies.get(COOKIE, "") if says_who or request.method in _SAFE_METHODS else ""


def _unauthorized(request: Request) -> Refused:
    given = bearer(request) or COOKIE in request.cookies
    challenge = 'Bearer error="invalid_token"' if given else "Bearer"
    wrong = "the key is not known, has expired, or was revoked" if given else "no key was given"
    detail = f"this server needs an API key, as `Authorization: Bearer KEY`; {wrong}"
    return refused("key-required", detail, headers={"WWW-Authenticate": challenge})
