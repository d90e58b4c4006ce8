"""Which scope each address needs. What is not listed here needs `admin`; a test compares the list with the routes."""

import re

from lookalike.catalog import Scope

_READING = frozenset({"GET", "HEAD", "OPTIONS"})

_OPEN = re.compile(r"/healthz|/readyz|/openapi\.json|/v1/session")
"""Answered to everybody: whether the server is there, what its API is, and signing in."""

_RULES: tuple[tuple[re.Pattern[str], Scope, Scope], ...] = (
    (re.compile(r"/v1/search"), Scope.SEARCH, Scope.SEARCH),
    (re.compile(r"/v1/images(/.*)?"), Scope.SEARCH, Scope.WRITE),
    (re.compile(r"/v1/collections(/[^/]+)?"), Scope.SEARCH, Scope.WRITE),
    (re.compile(r"/v1/duplicates(/search)?"), Scope.SEARCH, Scope.ADMIN),  # it may change images of every owner
    (re.compile(r"/v1/grading(/[^/]+)?"), Scope.WRITE, Scope.WRITE),
    (re.compile(r"/v1/events"), Scope.ADMIN, Scope.EVENTS),
)
"""(path, scope to read, scope for everything else)."""


def required_scope(method: str, path: str) -> Scope | None:
    """The scope that a request needs; None where it needs none.

    Args:
        method: of the request.
        path: of the request, below the path that a proxy serves the app under.
    """
    if _OPEN.fullmatch(path):
        return None
    for pattern, reading, changing in _RULES:
        if pattern.fullmatch(path):
            return reading if method in _READING else changing
    is_page = method in _READING and not path.startswith("/v1/") and path != "/metrics"
    return None if is_page else Scope.ADMIN
