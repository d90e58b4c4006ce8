"""Protection against other web pages: host names (DNS rebinding), origins (forged requests), headers."""

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.serving.problems import Refused, refused
from lookalike.serving.proxies import asked_hosts
from lookalike.serving.wire import one_line

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'self'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the page."""

_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
_PROBE = "/healthz"  # says nothing about the library, so that a probe may call us by any name
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_USUAL_PORTS = {"http": "80", "https": "443"}
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"content-security-policy", _POLICY.encode("ascii")),
    (b"cache-control", b"no-store"),
)


class SecurityHeaders:
    """ASGI: headers on every answer that does not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                own = {name for name, _ in headers}
                message = {**message, "headers": [*headers, *(one for one in _HEADERS if one[0] not in own)]}
            await send(message)

        await self._app(scope, receive, with_headers)


class HostNames:
    """The names the server may be called by.

    A web page of another site can make its own name resolve to 127.0.0.1 and then read our answers as its own
    ("DNS rebinding"); the Host header still carries that name. An IP address cannot be rebound, so that a server
    bound to every address may be called by any of them.

    Args:
        bound: the address the server listens on.
        allowed: further names, with a port where it is not the usual one; `*.example.org` allows every name below,
            `*` every name.
    """

    def __init__(self, bound: str, allowed: tuple[str, ...]) -> None:
        self._allowed = {_split(text.partition("://")[2].partition("/")[0] or text) for text in allowed}
        self._names = {"localhost", bound.lower(), *(name for name, _ in self._allowed)}
        self._endings = (".localhost", *(name[1:] for name in self._names if name.startswith("*.")))
        address = _ip(bound)
        self._any_address = address is not None and address.is_unspecified
        self._any_name = "*" in allowed

    def allows(self, host: str) -> bool:
        """Whether a Host header's value, with or without a port, is one of them."""
        name, _ = _split(host)
        if self._any_name or name in self._names or name.endswith(self._endings):
            return True
        address = _ip(name)
        return address is not None and (address.is_loopback or self._any_address)

    def own_origin(self, origin: str, *, vouched: bool) -> bool:
        """Whether a page's Origin is an address of this server that a proxy has hidden from us.

        Args:
            origin: the header.
            vouched: the browser says that the page is of the site it calls; otherwise the origin, with its port,
                must be among the allowed names.
        """
        host = _host_of_origin(origin)
        if host is None or vouched:
            return host is not None and self.allows(host)
        name, port = _split(host)
        same_port = {port} if port else {"", _USUAL_PORTS[urlsplit(origin).scheme]}
        return any(
            listed in {name, f"*.{name.partition('.')[2]}"} and listed_port in same_port
            for listed, listed_port in self._allowed
        )


def _split(host: str) -> tuple[str, str]:
    """`[::1]:8000` -> `::1`, `8000`; `Bücher.example` -> `xn--bcher-kva.example`, empty."""
    if host.startswith("["):
        name, closed, port = host[1:].partition("]")
        return (name.lower(), port.removeprefix(":")) if closed else ("", "")
    name, _, port = host.rpartition(":") if host.count(":") == 1 else (host, "", "")
    return _ascii(name.lower().rstrip(".")), port


def _ascii(name: str) -> str:
    """A name as browsers send it."""
    try:
        return name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


@lru_cache(maxsize=64)  # a server is called by few names
def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


class SiteCheck:
    """ASGI: refuses foreign Host names, and changes asked for by other sites' pages.

    Browsers say who asks: `Origin` and `Sec-Fetch-Site`. Programs send neither and are let through. No browser leaves
    the Host header out: requests without one, as load balancers send, cannot come from a page.

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
        headers, hosts = Headers(scope=scope), asked_hosts(scope)
        is_probe = scope["path"] == scope.get("root_path", "") + _PROBE
        refused_host = next((host for host in hosts if not self._names.allows(host)), None)
        if refused_host is not None and not is_probe:
            name = one_line(refused_host, most=100)
            raise refused("host-refused", f"this server is not called {name!r}; if it should be, {_setting(name)}")
        if scope["method"] not in _SAFE_METHODS and self._is_foreign(headers, hosts):
            raise refused("cross-site-request", _foreign_page(headers.get("origin", "")))

    def _is_foreign(self, headers: Headers, hosts: list[str]) -> bool:
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is None:
            return site not in {None, "none", "same-origin"}
        if origin.lower() in self._origins:
            return False
        if site in {"cross-site", "same-site"}:
            return True
        if any(_same_site(origin, host) for host in hosts):
            return False
        return not self._names.own_origin(origin, vouched=site == "same-origin")


def _foreign_page(origin: str) -> str:
    words = "a page of another site may not search, change or send events here"
    host = _host_of_origin(origin)
    if not host:
        return words
    name = one_line(host, most=100)
    return f"{words}; if {name} is this server, behind a proxy, {_setting(name)}"


def _setting(name: str) -> str:
    return f"name it in the setting allowed_hosts, for example with LOOKALIKE_ALLOWED_HOSTS={name}"


def _host_of_origin(origin: str) -> str | None:
    """Name and port as in a Host header, without the port that is usual; None if it is not a web origin."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    usual_port = _USUAL_PORTS.get(parts.scheme)
    return parts.netloc.lower().removesuffix(f":{usual_port}") if usual_port else None


def _same_site(origin: str, host: str) -> bool:
    """Whether an Origin header names the host and port that the request was sent to."""
    own = _host_of_origin(origin)
    return own is not None and own == host.lower().removesuffix(f":{_USUAL_PORTS[urlsplit(origin).scheme]}")
