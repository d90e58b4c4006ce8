"""Refusals from a request's head alone: a server that is asked ten times what it can do mostly refuses.

A refusal that goes through routing and middleware takes a millisecond of the processor that searches need, and its
connection is closed because the body was not read. Here it takes some 50 µs, and the body is skipped.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from lookalike.serving.gates import Gate
from lookalike.serving.problems import Problem

Headers = Sequence[tuple[bytes, bytes]]

_MOST_SKIPPED = 1024 * 1024  # bytes of a body; larger ones take the usual way, which ends the connection
_AROUND_A_HEADER = len(": \r\n")
_DIGITS = len(str(_MOST_SKIPPED))
_USUAL_WAY = frozenset({b"transfer-encoding", b"expect"})
"""Headers of requests that are not refused here: the length of the body is not known, or it waits to be asked for."""


class EarlyRefusals:
    """Refuses requests with pictures that would find no place, before anything of them but the head was looked at.

    Args:
        gates: by the path of the requests that need a place there.
        answered: is told the path, the status and the seconds that answering took.
        other_sites: whether pages of other sites may ask, whose answers need headers that are not made here.
    """

    def __init__(
        self, gates: Mapping[bytes, Gate], answered: Callable[[str, int, float], None], *, other_sites: bool = False
    ) -> None:
        self._gates = gates
        self._answered = answered
        self._usual_way = _USUAL_WAY | {b"origin"} if other_sites else _USUAL_WAY

    def refusal(self, method: bytes, path: bytes, headers: Headers, *, received: int) -> Problem | None:
        """Why a request is refused; None for one that goes the usual way.

        Args:
            method: as sent.
            path: of the address, without its query.
            headers: names in lower case.
            received: bytes that came together with the end of the head, the head's own ones included.
        """
        gate = self._gates.get(path)
        if gate is None or method != b"POST" or not self._can_be_skipped(headers):
            return None
        if gate.expects_one_more(is_whole=received >= _bytes_of(path, headers)):
            return None
        started = time.perf_counter()
        problem = gate.refusal().problem
        self._answered(path.decode("ascii"), problem.status, time.perf_counter() - started)
        return problem

    def _can_be_skipped(self, headers: Headers) -> bool:
        """Whether a body is a picture, for JSON may ask for something else, of a length that is known and not large."""
        found = dict(headers)
        length = found.get(b"content-length", b"")
        if not (length.isdigit() and len(length) <= _DIGITS and int(length) <= _MOST_SKIPPED):
            return False
        is_json = found.get(b"content-type", b"").lower().startswith(b"application/json")
        return not is_json and self._usual_way.isdisjoint(found)


def _bytes_of(path: bytes, headers: Headers) -> int:
    """Of a whole request, at least: its query and its version may add some."""
    head = len(path) + sum(len(name) + len(value) + _AROUND_A_HEADER for name, value in headers)
    return head + int(dict(headers)[b"content-length"])
