"""The server's address as clients see it: the path it is served under, and headers of trusted proxies."""

import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import quote, unquote

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from lookalike.errors import CallerError

_FORWARDED_HOST = "lookalike.forwarded_host"
_LONGEST_ROOT = 200
_SEGMENT = re.compile(r"[^\x00-\x1f\x7f/?#\\]+")
_UNIX_PEER = "unix"


def root_path_of(text: str) -> str:
    """The path a proxy serves us below, as `/photos`; empty at the top of a host. `%20` and the like are decoded.

    Raises:
        CallerError: it is not a path.
    """
    segments = unquote(text.strip()).strip("/").split("/")
    if segments == [""]:
        return ""
    if len(text) > _LONGEST_ROOT or not all(_SEGMENT.fullmatch(step) and step not in {".", ".."} for step in segments):
        raise CallerError(f"root_path {text[:80]!r}: give the path alone, as in /photos, without host or query")
    return "/" + "/".join(segments)


def address(request: HTTPConnection, path: str) -> str:
    """The address of one of our paths as the client of this request has to ask for it, without scheme and host."""
    return quote(str(request.scope.get("root_path", ""))) + path


def asked_hosts(scope: Scope) -> list[str]:
    """The names the client may have called us by: the Host header and, from a trusted proxy, `X-Forwarded-Host`."""
    hosts = [Headers(scope=scope).get("host", ""), scope.get(_FORWARDED_HOST, "")]
    return [host for host in hosts if host]


class TrustedProxies:
    """The peers whose `X-Forwarded-*` headers are believed.

    Args:
        listed: addresses and networks; `unix` for connections over a unix socket, `*` for everybody.

    Raises:
        CallerError: one is none of these.
    """

    def __init__(self, listed: Sequence[str]) -> None:
        self._everybody = "*" in listed
        self._unix = _UNIX_PEER in listed
        self._networks = [_network(text) for text in listed if text not in {"*", _UNIX_PEER}]

    def includes(self, peer: str) -> bool:
        """Whether that peer is one; peers on unix sockets have no address."""
        if self._everybody or not peer:
            return self._everybody or self._unix
        if not self._networks:
            return False
        try:
            found = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None) or found
        return any(mapped in network for network in self._networks)

    def stands_for_many(self, peer: str) -> bool:
        """Whether an address may be that of many clients: a trusted proxy's, or that of programs on this machine."""
        try:
            loopback = ipaddress.ip_address(peer.partition("%")[0]).is_loopback
        except ValueError:  # a unix socket
            loopback = True
        return loopback or self.includes(peer)

    def client_of(self, forwarded_for: Sequence[str], peer: str) -> str:
        """The nearest address that no trusted proxy has, which nobody but a trusted proxy can have written.

        Args:
            forwarded_for: every `X-Forwarded-For` header in order.
            peer: who connected.
        """
        client = peer
        for hop in reversed([hop for line in forwarded_for for hop in line.split(",")]):
            found = _address_in(hop.strip())
            if not self.includes(client) or found is None:
                break
            client = found
        return client


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise CallerError(
            f"trusted_proxies {text[:80]!r}: give addresses (10.0.0.7), networks (10.0.0.0/8), unix, or * for everybody"
        ) from None


def _address_in(hop: str) -> str | None:
    """`192.0.2.7:443` -> `192.0.2.7`, `[::1]:443` -> `::1`; None if it is not an address."""
    bare = hop[1:].partition("]")[0] if hop.startswith("[") else hop
    bare = bare.partition(":")[0] if bare.count(":") == 1 else bare
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return None


class PublicAddress:
    """ASGI: the request as its client sent it, before proxies changed it.

    Below a path, `root_path` of the scope says so and `path` begins with it, whether the proxy took it off or not.

    Args:
        app: what is served.
        root_path: from `root_path_of`; where it is empty, trusted proxies may name one in `X-Forwarded-Prefix`.
        trusted: whose headers are believed.
    """

    def __init__(self, app: ASGIApp, *, root_path: str, trusted: TrustedProxies) -> None:
        self._app = app
        self._root_path = root_path
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        peer = str((scope.get("client") or ("", 0))[0])
        root, seen = self._root_path, scope
        if self._trusted.includes(peer):
            headers = Headers(scope=scope)
            root = root or _named_root(_first(headers, "x-forwarded-prefix"))
            seen = self._as_forwarded(scope, headers, peer)
        if root and seen["path"] == root:
            await _to_the_page(root, seen)(seen, receive, send)
            return
        await self._app(_below(root, seen), receive, send)

    def _as_forwarded(self, scope: Scope, headers: Headers, peer: str) -> Scope:
        scheme = _first(headers, "x-forwarded-proto").lower()
        client = self._trusted.client_of(headers.getlist("x-forwarded-for"), peer)
        return {
            **scope,
            "scheme": scheme if scheme in {"http", "https"} else scope["scheme"],
            "client": scope.get("client") if client == peer else (client, 0),
            _FORWARDED_HOST: _first(headers, "x-forwarded-host"),
        }


def _first(headers: Headers, name: str) -> str:
    """What the proxy nearest to the client wrote."""
    return headers.get(name, "").partition(",")[0].strip()


def _named_root(text: str) -> str:
    try:
        return root_path_of(text)
    except CallerError:
        return ""  # a client's own header that a proxy passed on


def _below(root: str, scope: Scope) -> Scope:
    if not root:
        return scope
    path, raw = scope["path"], scope.get("raw_path") or quote(scope["path"]).encode()
    if not path.startswith(f"{root}/"):
        path, raw = root + path, quote(root).encode() + raw
    return {**scope, "root_path": root, "path": path, "raw_path": raw}


def _to_the_page(root: str, scope: Scope) -> RedirectResponse:
    """The page's own addresses are relative to a folder, so it is asked for with a slash at the end."""
    query = scope["query_string"].decode("latin-1")
    return RedirectResponse(f"{quote(root)}/{'?' if query else ''}{query}")
