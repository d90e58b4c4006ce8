"""How long a client waits for its answer: work for one that does not wait any more is dropped."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from lookalike.serving.bodies import wrong_field
from lookalike.serving.problems import refused

HEADER = "X-Request-Timeout-Ms"
GONE = "lookalike.gone"
"""In a request's scope: a function that says whether its connection is closed."""

_MOST_MILLISECONDS = 600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Of one client.

    Attributes:
        until: when it stops waiting, by `time.monotonic`.
        is_gone: whether it has hung up.
    """

    until: float = float("inf")
    is_gone: Callable[[], bool] = lambda: False

    def require(self) -> None:
        """Go on only where the client still waits.

        Raises:
            Refused: `deadline-passed`.
        """
        if self.is_gone():
            raise refused("deadline-passed", "the connection was closed before the answer was ready")
        if time.monotonic() > self.until:
            raise refused("deadline-passed", f"the answer was not ready within the time that {HEADER} gives")


def patience_of(request: Request) -> Patience:
    """How long the client of a request waits, from now on.

    Raises:
        Refused: its header is no number of milliseconds.
    """
    is_gone = request.scope.get(GONE, lambda: False)
    given = request.headers.get(HEADER)
    if given is None:
        return Patience(is_gone=is_gone)
    if not (given.isascii() and given.isdecimal() and 0 < int(given[:9]) <= _MOST_MILLISECONDS):
        raise wrong_field(HEADER, f"must be a number of milliseconds, 1 to {_MOST_MILLISECONDS}")
    return Patience(until=time.monotonic() + int(given) / 1000, is_gone=is_gone)
