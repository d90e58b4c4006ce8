"""Every refusal as an RFC 9457 problem: one table from what went wrong to its status and stable type.

`type` is `urn:lookalike:problem:<code>`. Members beside the standard ones: `errors` (field and message, for
`invalid-request` and `event-refused`; there also a reason, and `stored` and `already_known` beside the list), `reason`
(for `image-refused`), `incident` (for `internal`).
"""

import errno
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.errors import (
    CallerError,
    CropRefused,
    CursorRefused,
    EnvironmentFault,
    EventRefused,
    ImageHeld,
    ImageRefused,
    LibraryBusy,
    LookalikeError,
    StorageFailed,
    UnknownImage,
    UrlRefused,
)
from lookalike.serving.wire import FieldError, ProblemDocument

E = TypeVar("E", bound=Exception)

_log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

KINDS: Mapping[str, tuple[int, str]] = {
    "malformed-request": (400, "The request cannot be read"),
    "bad-request": (400, "The request is not valid"),
    "cursor-refused": (400, "The page cursor is damaged"),
    "unauthorized": (401, "The admin token is required"),
    "key-required": (401, "An API key is required"),
    "cross-site-request": (403, "Another site's page may not do this"),
    "forbidden": (403, "Not allowed here"),
    "not-found": (404, "There is nothing at this address"),
    "unknown-image": (404, "There is no such image"),
    "content-missing": (404, "The image's file is not available"),
    "method-not-allowed": (405, "This method is not allowed here"),
    "body-timeout": (408, "The request's body arrived too slowly"),
    "image-held": (409, "Moderation hides the image"),
    "body-too-large": (413, "The request's body is too large"),
    "url-too-long": (414, "The address is too long"),
    "unsupported-media-type": (415, "The body's media type is not supported"),
    "range-not-satisfiable": (416, "The file has no such part"),
    "host-refused": (421, "The server does not answer to this host name"),
    "invalid-request": (422, "A value is missing or invalid"),
    "image-refused": (422, "The picture cannot be used"),
    "crop-refused": (422, "The crop does not fit the picture"),
    "url-refused": (422, "The picture's URL cannot be used"),
    "event-refused": (422, "An event cannot be stored"),
    "rate-limited": (429, "The key has sent too many requests"),
    "internal": (500, "Internal error"),
    "busy": (503, "Too many requests are waiting"),
    "environment": (503, "Something the server needs is missing"),
    "library-busy": (503, "Another program is writing to the library"),
    "deadline-passed": (504, "The answer was not ready in the time the client gives"),
    "storage-failed": (507, "The disk is full or failing"),
}
"""Code to status and title. Other environment faults keep their own code and share the status of `environment`."""

_STATUS_OF_REFUSED_IMAGE = {"too-many-bytes": 413, "unsupported-format": 415, "not-an-image": 415}
_CODE_OF_STATUS = {400: "malformed-request", 404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}
_DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
_IN_THE_LOG = "see the server's log for details"
_MOST_ERRORS = 20
_LONGEST_FIELD = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One refusal, ready to be sent."""

    code: str
    status: int
    title: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, object] = field(default_factory=dict)

    def response(self, path: str) -> Response:
        """As HTTP; `path` names the occurrence."""
        document = {
            "type": f"urn:lookalike:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": path[:500],
            **self.members,
        }
        return Response(
            json.dumps(document).encode("ascii"), self.status, headers=dict(self.headers), media_type=MEDIA_TYPE
        )


class Refused(Exception):
    """Ends the request with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def refused(code: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: object) -> Refused:
    """The refusal of that code in the table, to be raised."""
    status, title = KINDS[code]
    return Refused(
        Problem(code=code, status=status, title=title, detail=detail, headers=headers or {}, members=members)
    )


def problem(
    code: str, detail: str, *, status: int | None = None, headers: Mapping[str, str] | None = None, **members: object
) -> Problem:
    """The problem of that code in the table; `status` overrides the table's."""
    usual_status, title = KINDS[code]
    return Problem(
        code=code, status=status or usual_status, title=title, detail=detail, headers=headers or {}, members=members
    )


def problem_of(error: LookalikeError) -> Problem | None:
    """The problem for one of our errors; None for errors that no caller can cause."""
    detail = str(error)
    match error:
        case ImageRefused():
            status = _STATUS_OF_REFUSED_IMAGE.get(error.reason)
            return problem(error.code, detail, status=status, reason=error.reason)
        case CropRefused() | UnknownImage() | ImageHeld() | CursorRefused() | EventRefused() | UrlRefused():
            return problem(error.code, detail)
        case StorageFailed():
            _log.error("%s", detail)
            return problem(
                error.code, without_paths(detail, otherwise=f"{KINDS[error.code][1].lower()}; {_IN_THE_LOG}")
            )
        case EnvironmentFault():
            _log.warning("%s", detail)
            is_busy = isinstance(error, LibraryBusy)
            status, title = KINDS["library-busy" if is_busy else "environment"]
            headers = {"Retry-After": "1" if is_busy else "10"}
            told = without_paths(detail, otherwise=f"{title.lower()}; {'try again' if is_busy else _IN_THE_LOG}")
            return Problem(code=error.code, status=status, title=title, detail=told, headers=headers)
        case CallerError() if type(error) is CallerError:
            return problem(error.code, detail)
        case _:
            return None


def told_notes(notes: Sequence[str]) -> tuple[str, ...]:
    """Notes on what answers, without places on this machine."""
    return tuple(without_paths(note, otherwise=f"a stored index is not used; {_IN_THE_LOG}") for note in notes)


def without_paths(words: str, *, otherwise: str) -> str:
    """The words, unless they may name a place on this machine, which no answer tells."""
    return otherwise if "/" in words or "\\" in words else words


def invalid(mistakes: Sequence[Any], *, where: str = "body") -> Problem:
    """The problem that lists what Pydantic found, by field, without repeating the values.

    Args:
        mistakes: as from `ValidationError.errors()`.
        where: part of the request that the fields belong to; "" when their names say it.
    """
    if any(mistake["type"] == "json_invalid" for mistake in mistakes):
        return problem("malformed-request", f"the {where or 'body'} is not JSON: {mistakes[0]['msg'][:200]}")
    errors = [FieldError(field=field_of(mistake["loc"]) or where, message=mistake["msg"][:300]) for mistake in mistakes]
    more = f" and {len(errors) - _MOST_ERRORS} more" if len(errors) > _MOST_ERRORS else ""
    detail = "; ".join(f"{error.field}: {error.message}" for error in errors[:3])
    if len(errors) > 3:  # noqa: PLR2004 - as many as are read in one line
        detail += f"; see `errors` for all {min(len(errors), _MOST_ERRORS)}{more}"
    return problem("invalid-request", detail, errors=as_members(errors[:_MOST_ERRORS]))


def as_members(errors: Sequence[FieldError]) -> list[dict[str, str]]:
    """What a problem lists."""
    return [error.model_dump(exclude_none=True) for error in errors]


def field_of(path: Sequence[int | str]) -> str:
    """`('events', 3, 'kind')` as `events[3].kind`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text[:_LONGEST_FIELD]


def install(app: FastAPI) -> None:
    """Make the app answer every refusal with a problem."""
    app.add_exception_handler(Refused, _answering(_of_refusal))
    app.add_exception_handler(LookalikeError, _answering(_of_ours))
    app.add_exception_handler(RequestValidationError, _answering(_of_parameters))
    app.add_exception_handler(HTTPException, _answer_routing)
    app.add_exception_handler(OSError, _answering(_of_the_disk))
    app.add_exception_handler(ClientDisconnect, _answering(_of_a_lost_connection))


def _answering(tell: Callable[[Request, E], Problem]) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        return tell(request, cast("E", error)).response(request.scope["path"])

    return answer


async def _answer_routing(request: Request, error: Exception) -> Response:
    """The problem, or what OPTIONS asks for: load balancers probe with it."""
    told = _of_routing(request, cast("HTTPException", error))
    if request.method == "OPTIONS" and (told.code == "method-not-allowed" or request.scope["path"].endswith("*")):
        return Response(status_code=204, headers=dict(told.headers))
    return told.response(request.scope["path"])


def _of_refusal(_request: Request, error: Refused) -> Problem:
    return error.problem


def _of_ours(_request: Request, error: LookalikeError) -> Problem:
    told = problem_of(error)
    if told is None:
        raise error
    return told


def _of_parameters(_request: Request, error: RequestValidationError) -> Problem:
    return invalid(error.errors(), where="")


def _of_routing(request: Request, error: HTTPException) -> Problem:
    code = _CODE_OF_STATUS.get(error.status_code, "bad-request")
    headers = dict(error.headers or {})
    detail = error.detail
    if code == "method-not-allowed":
        headers["Allow"] = ", ".join(_methods(request))
        detail = f"{request.method[:20]} is not possible here; {headers['Allow']} is"
    if code == "not-found":
        detail = "no such address; /openapi.json lists what there is"
    return problem(code, detail, status=error.status_code, headers=headers)


def _of_the_disk(_request: Request, error: OSError) -> Problem:
    if error.errno not in _DISK_TROUBLE:
        raise error
    _log.error("disk trouble: %s", error)
    return problem("storage-failed", "the server's disk is full or failing; what was acknowledged before is safe")


def _of_a_lost_connection(_request: Request, _error: ClientDisconnect) -> Problem:
    return problem("malformed-request", "the connection ended before the body did")


def _methods(request: Request) -> list[str]:
    """Every method the address knows, over all routes."""
    methods: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    return sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()))


class Incidents:
    """ASGI: an exception that nobody foresaw becomes a problem with an incident number; the log has the rest."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            incident = secrets.token_hex(6)
            _log.exception("incident %s: %s %s", incident, scope.get("method"), scope.get("path"))
            if scope["type"] != "http" or started:
                raise
            detail = f"the server failed on this request; its log says why under incident {incident}"
            response = problem("internal", detail, incident=incident).response(scope["path"])
            await response(scope, receive, send)


def documented(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of the given problems, by status."""
    entries: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        status, title = KINDS[code]
        entry = entries.setdefault(
            status,
            {
                "description": "",
                "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}}},
            },
        )
        entry["description"] = f"{entry['description']}; {title}: `{code}`".removeprefix("; ")
        examples = entry["content"][MEDIA_TYPE].setdefault("examples", {})
        examples[code] = {"value": _example(code, status, title)}
    return entries


def _example(code: str, status: int, title: str) -> dict[str, object]:
    return {
        "type": f"urn:lookalike:problem:{code}",
        "title": title,
        "status": status,
        "detail": "what is wrong here, and what to do",
        "instance": "/v1/search",
    }
