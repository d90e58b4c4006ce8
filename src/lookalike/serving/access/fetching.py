"""Pictures that a caller names by URL: fetched under rules, see `addresses`.

A name is resolved once, every address it has is checked, and the connection is made to the address that was checked: a
name that means another address a moment later gains nothing. Each redirect is checked in the same way.
"""

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as WaitedTooLong
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin

from lookalike.errors import LibraryBusy, UrlRefused
from lookalike.serving.access.addresses import Target, require_public, target_of

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OK = 200
_AT_ONCE = 64 * 1024  # bytes
_AT_A_TIME = 16  # fetches

_HEADERS = (("Accept", "image/*"), ("Accept-Encoding", "identity"), ("Connection", "close"))

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a name."""

Dial = Callable[[str, int, float], socket.socket]
"""A connection to an address and port, within so many seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """What a picture from a URL may cost.

    Attributes:
        most_bytes: of the answer.
        seconds: from the beginning to the last byte, redirects included.
        redirects: how many are followed.
    """

    most_bytes: int
    seconds: float = 10.0
    redirects: int = 3


def resolved(name: str, port: int) -> list[str]:
    """The addresses of a name, as the system's resolver knows them."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def dialled(address: str, port: int, seconds: float) -> socket.socket:
    """A connection to an address."""
    return socket.create_connection((address, port), timeout=seconds)


class PictureFetcher:
    """Fetches pictures from the public internet. Safe to use from many threads.

    Args:
        limits: of each fetch.
        resolve: finds the addresses of names.
        dial: connects to an address that was checked.
        context: for https; None for the system's certificates.
    """

    def __init__(
        self,
        limits: FetchLimits,
        *,
        resolve: Resolve = resolved,
        dial: Dial = dialled,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits
        self._resolve = resolve
        self._dial = dial
        self._context = context or ssl.create_default_context()
        self._places = threading.BoundedSemaphore(_AT_A_TIME)
        self._names = ThreadPoolExecutor(8, thread_name_prefix="lookalike-names")  # a resolver knows no time limit

    def fetch(self, url: str) -> bytes:
        """The bytes that a URL leads to.

        Raises:
            UrlRefused: the URL or a redirect is not allowed, or nothing came within the limits.
            LibraryBusy: others are fetched already, as many as may be.
        """
        if not self._places.acquire(blocking=False):
            raise LibraryBusy(f"{_AT_A_TIME} pictures are being fetched already; try again in a moment")
        try:
            return self._fetched(url)
        finally:
            self._places.release()

    def _fetched(self, url: str) -> bytes:
        deadline = time.monotonic() + self._limits.seconds
        for _ in range(self._limits.redirects + 1):
            target = target_of(url)
            with self._answer(target, deadline) as answer:
                if answer.status not in _REDIRECTS:
                    return self._content(answer, deadline)
                url = urljoin(url, answer.getheader("location") or "")
        raise UrlRefused(f"the URL redirects more than {self._limits.redirects} times")

    @contextmanager
    def _answer(self, target: Target, deadline: float) -> Iterator[http.client.HTTPResponse]:
        """The head of an answer, and what follows it as long as the `with` lasts."""
        address = self._address(target, deadline)
        connection = http.client.HTTPConnection(target.host, target.port)
        try:
            with self._connected(target, address, deadline) as connection.sock:
                connection.putrequest("GET", target.path, skip_host=True, skip_accept_encoding=True)
                for name, value in (("Host", target.host_header), *_HEADERS):
                    connection.putheader(name, value)
                connection.endheaders()
                with connection.getresponse() as answer:
                    yield answer
        except (OSError, http.client.HTTPException, ValueError) as fault:
            raise UrlRefused(_told(fault, deadline)) from None

    @contextmanager
    def _connected(self, target: Target, address: str, deadline: float) -> Iterator[socket.socket]:
        """A connection that is cut when the time is over, whoever reads from it, and closed when the `with` ends."""
        with self._dial(address, target.port, _left(deadline)) as plain:
            cut = threading.Timer(_left(deadline), _cut, [plain])
            cut.daemon = True
            cut.start()
            try:
                if target.scheme == "http":
                    yield plain
                    return
                # Shutting down the plain socket's descriptor ends the encrypted one, too.
                with self._context.wrap_socket(plain.dup(), server_hostname=target.host) as encrypted:
                    yield encrypted
            finally:
                cut.cancel()

    def _address(self, target: Target, deadline: float) -> str:
        """One address of the target's host, after all of them were found to be public."""
        try:
            found = self._names.submit(self._resolve, target.host, target.port).result(_left(deadline))
        except (OSError, UnicodeError, WaitedTooLong):
            raise UrlRefused("the host's address cannot be found") from None
        if not found:
            raise UrlRefused("the host's address cannot be found")
        for one in found:
            require_public(ipaddress.ip_address(one.partition("%")[0]))
        return found[0]

    def _content(self, answer: http.client.HTTPResponse, deadline: float) -> bytes:
        most = self._limits.most_bytes
        if answer.status != _OK:
            raise UrlRefused(f"the URL was answered with status {answer.status}")
        if (answer.getheader("content-encoding") or "identity").lower() != "identity":
            raise UrlRefused("the answer is compressed, which was not asked for")
        if (answer.length or 0) > most:
            raise UrlRefused(f"the answer has {answer.length:,} bytes; at most {most:,} are fetched")
        content = bytearray()
        while chunk := answer.read1(_AT_ONCE):
            content += chunk
            if len(content) > most:
                raise UrlRefused(f"the answer has more than {most:,} bytes")
            _left(deadline)
        _left(deadline)  # a connection that was cut reads as one that ended
        if answer.length:
            raise UrlRefused("the answer ended too early")
        return bytes(content)


def _left(deadline: float) -> float:
    """Seconds until then.

    Raises:
        UrlRefused: none are left.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise UrlRefused("the URL was not answered in time")
    return left


def _told(fault: Exception, deadline: float) -> str:
    """Without what a connection says of the network here."""
    late = time.monotonic() >= deadline or isinstance(fault, TimeoutError)
    return "the URL was not answered in time" if late else "the URL cannot be fetched"


def _cut(connection: socket.socket) -> None:
    """End a connection whose time is over: whoever reads from it stops waiting."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
