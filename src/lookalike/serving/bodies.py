"""Reading request bodies, with limits and with problems for invalid ones."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from lookalike.serving.problems import Refused, invalid, refused
from lookalike.serving.wire import one_line

M = TypeVar("M", bound=BaseModel)


def media_type(request: Request) -> str:
    """Of the body, lower case, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def declared_bytes(request: Request) -> float:
    """How long the body is said to be; infinity where it comes in chunks and nobody knows."""
    return int(request.headers["content-length"]) if "content-length" in request.headers else float("inf")


def unsupported(request: Request, taken: str) -> Refused:
    """The refusal of a body's media type."""
    given = one_line(media_type(request), most=100) or "no media type"
    return refused("unsupported-media-type", f"the body is {given}; {taken} is taken here", headers={"Accept": taken})


async def read_body(request: Request, *, most_bytes: int) -> bytes:
    """The whole body.

    Raises:
        Refused: it is too large.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise refused("body-too-large", f"a JSON body may have at most {most_bytes} bytes")
    return bytes(body)


async def read_json(request: Request, model: type[M], *, most_bytes: int) -> M:
    """The body as that model.

    Raises:
        Refused: it is too large, not JSON, or not as the model says.
    """
    return parsed(model, await read_body(request, most_bytes=most_bytes))


def parsed(model: type[M], body: bytes) -> M:
    """JSON as that model.

    Raises:
        Refused: `malformed-request` or `invalid-request`.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as mistake:
        raise Refused(invalid(mistake.errors(include_url=False, include_input=False))) from None


def checked(model: type[M], fields: dict[str, Any]) -> M:
    """Form fields, which are all text, as that model.

    Raises:
        Refused: `invalid-request`.
    """
    try:
        return model.model_validate(fields, strict=False)
    except ValidationError as mistake:
        raise Refused(invalid(mistake.errors(include_url=False, include_input=False))) from None


def wrong_field(name: str, message: str) -> Refused:
    """The problem for one invalid field."""
    return Refused(invalid([{"type": "form", "loc": (one_line(name, most=50),), "msg": message}]))
