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
_MOST_JSON = 2048  # bytes of a search by id, or for a later page; pictures in JSON have more, and need another place
_AROUND_A_HEADER = len(": \r\n")
_DIGITS = len(str(_MOST_SKIPPED))
_USUAL_WAY = frozenset({b"transfer-encoding", b"expect"})
"""Headers of requests that are not refused here: the length of the body is not known, or it waits to be asked for."""


class EarlyRefusals:
    """Refuses requests that would find no place, before anything of them but the head was looked at.

    Args:
        gates: by the path of the requests with pictures that need a place there.
        json_gates: likewise, of requests with a little JSON.
        answered: is told the path, the status and the seconds that answering took.
        other_sites: whether pages of other sites may ask, whose answers need headers that are not made here.
    """

    def __init__(
        self,
        gates: Mapping[bytes, Gate],
        json_gates: Mapping[bytes, Gate],
        answered: Callable[[str, int, float], None],
        *,
        other_sites: bool = False,
    ) -> None:
        self._gates = gates
        self._json_gates = json_gates
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
        if method != b"POST" or path not in self._gates:
            return None
        named = dict(headers)
        length = self._bytes_to_skip(named)
        if length is None:
            return None
        is_json = named.get(b"content-type", b"").lower().startswith(b"application/json")
        gate = self._gate_of_json(path, length) if is_json else self._gates[path]
        if gate is None or gate.expects_one_more(is_whole=received >= _bytes_of_head(path, headers) + length):
            return None
        started = time.perf_counter()
        problem = gate.refusal().problem
        self._answered(path.decode("ascii"), problem.status, time.perf_counter() - started)
        return problem

    def _bytes_to_skip(self, headers: Mapping[bytes, bytes]) -> int | None:
        """The length of the body; None if it is not known, or is large."""
        length = headers.get(b"content-length", b"")
        if not (length.isdigit() and len(length) <= _DIGITS and int(length) <= _MOST_SKIPPED):
            return None
        return int(length) if self._usual_way.isdisjoint(headers) else None

    def _gate_of_json(self, path: bytes, length: int) -> Gate | None:
        """Where a little JSON needs a place; None for more of it, which may ask for anything."""
        return self._json_gates.get(path) if length <= _MOST_JSON else None


def _bytes_of_head(path: bytes, headers: Headers) -> int:
    """At least: the query of the address and the version may add some."""
    return len(path) + sum(len(name) + len(value) + _AROUND_A_HEADER for name, value in headers)
