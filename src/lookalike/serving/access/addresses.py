"""Which URLs may be fetched for a caller, and which addresses may be connected to.

A server stands inside a network that its callers do not: without these rules, whoever may name a URL could read the
router's page, a cloud's metadata, or a database without a password ("server-side request forgery").
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

from lookalike.errors import UrlRefused

LONGEST_URL = 2048
PORTS = {"http": 80, "https": 443}

_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))+")
_NUMBERS = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_LOW_32 = 0xFFFFFFFF

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a request goes.

    Attributes:
        scheme: http or https.
        host: a name in lower case, or an address without brackets.
        path: with the query.
    """

    scheme: str
    host: str
    path: str

    @property
    def port(self) -> int:
        """The usual one of the scheme; no other is allowed."""
        return PORTS[self.scheme]

    @property
    def host_header(self) -> str:
        """As the request names it."""
        return f"[{self.host}]" if ":" in self.host else self.host


def target_of(url: str) -> Target:
    """The target that a URL means, if it may be one.

    Raises:
        UrlRefused: another scheme or port than http's and https's, a name of this network, an address in an unusual
            spelling, a password, or characters that no URL has.
    """
    if len(url) > LONGEST_URL or not _VISIBLE.fullmatch(url) or "\\" in url:
        raise UrlRefused(f"the URL must be 1 to {LONGEST_URL} visible ASCII characters, without a backslash")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UrlRefused("this is not a URL") from None
    scheme = parts.scheme.lower()
    if scheme not in PORTS:
        raise UrlRefused("only http and https URLs are fetched")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise UrlRefused("a URL with a user name or password is not fetched")
    if port not in {None, PORTS[scheme]}:
        raise UrlRefused(f"only port {PORTS[scheme]} is connected to with {scheme}")
    host = _host(parts.hostname or "")
    query = f"?{parts.query}" if parts.query else ""
    return Target(scheme=scheme, host=host, path=f"{parts.path or '/'}{query}")


def _host(text: str) -> str:
    host = text.lower().removesuffix(".")
    if ":" in host:
        try:
            require_public(ipaddress.IPv6Address(host))
        except ValueError:
            raise UrlRefused("the host is not an address") from None
        return host
    if _NUMBERS.fullmatch(host):  # what some programs read as an address: only its usual spelling is allowed
        try:
            require_public(ipaddress.IPv4Address(host))
        except ValueError:
            raise UrlRefused("the host is a number: write an address as in 192.0.2.7") from None
        return host
    if not _NAME.fullmatch(host):
        raise UrlRefused("the host must be a full name with a dot, as in images.example.com")
    return host


def require_public(address: Address) -> None:
    """Let an address through that belongs to the public internet.

    Raises:
        UrlRefused: it is private, loopback, link-local (where clouds keep metadata), reserved, multicast, or means such
            an address in another notation.
    """
    if any(not _is_public(one) for one in (address, *_meant(address))):
        raise UrlRefused("the URL leads to an address that is not on the public internet")


def _is_public(address: Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _meant(address: Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 one stands for: mapped, 6to4, Teredo, NAT64 and IPv4-compatible."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in _NAT64) or int(address) <= _LOW_32:
        found.append(ipaddress.IPv4Address(int(address) & _LOW_32))
    return [one for one in found if one is not None]
