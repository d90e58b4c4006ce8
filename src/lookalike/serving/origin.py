"""Whose pages may talk to this server: host names against DNS rebinding, origins against forged requests, headers."""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.serving.problems import Refused, refused
from lookalike.serving.wire import printable

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the page."""

_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": _POLICY,
    "cache-control": "no-store",
}


class SecurityHeaders:
    """ASGI: headers on every answer that does not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


class HostNames:
    """The names the server may be called by.

    A web page of another site can make its own name resolve to 127.0.0.1 and then read our answers as its own
    ("DNS rebinding"); the Host header still carries that name. An IP address cannot be rebound, so that a server
    bound to every address may be called by any of them.

    Args:
        bound: the address the server listens on.
        allowed: further names; `*` allows every name.
    """

    def __init__(self, bound: str, allowed: tuple[str, ...]) -> None:
        self._names = {"localhost", bound.lower(), *(name.lower().rstrip(".") for name in allowed)}
        address = _ip(bound)
        self._any_address = address is not None and address.is_unspecified
        self._any_name = "*" in allowed

    def allows(self, host: str) -> bool:
        """Whether a Host header's value, with or without a port, is one of them."""
        name = _host_name(host)
        if self._any_name or name in self._names or name.endswith(".localhost"):
            return True
        address = _ip(name)
        return address is not None and (address.is_loopback or self._any_address)


def _host_name(host: str) -> str:
    """`[::1]:8000` -> `::1`; `Name:8000` -> `name`."""
    if host.startswith("["):
        address, closed, _ = host[1:].partition("]")
        return address.lower() if closed else ""
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


class SiteCheck:
    """ASGI: refuses foreign Host names, and changes asked for by other sites' pages.

    Browsers say who asks: `Origin` and `Sec-Fetch-Site`. Programs send neither and are let through.

    Args:
        app: what is protected.
        names: allowed Host names.
        origins: other sites that may send changes, as `https://name[:port]`.
    """

    def __init__(self, app: ASGIApp, *, names: HostNames, origins: tuple[str, ...]) -> None:
        self._app = app
        self._names = names
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            try:
                self._check(scope)
            except Refused as refusal:
                await refusal.problem.response(scope["path"])(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._names.allows(host):
            name = printable(host, most=100)
            raise refused(
                "host-refused",
                f"this server is not called {name!r}; if it should be, start it with that name among the allowed hosts",
            )
        if scope["method"] not in _SAFE_METHODS and self._is_foreign(headers, host):
            raise refused("cross-site-request", "a page of another site may not search, change or send events here")

    def _is_foreign(self, headers: Headers, host: str) -> bool:
        origin = headers.get("origin")
        if origin is None:
            return headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
        if origin.lower() in self._origins:
            return False
        return headers.get("sec-fetch-site") == "cross-site" or not _same_site(origin, host)


def _same_site(origin: str, host: str) -> bool:
    """Whether an Origin header names the host and port that the request was sent to."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    usual_port = {"http": ":80", "https": ":443"}.get(parts.scheme)
    if usual_port is None:
        return False
    return parts.netloc.lower().removesuffix(usual_port) == host.lower().removesuffix(usual_port)
