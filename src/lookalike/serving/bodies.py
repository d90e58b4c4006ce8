"""Bodies to values: JSON and forms, each bounded, each refusal a problem."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from lookalike.serving.problems import Refused, invalid, refused
from lookalike.serving.wire import printable

MOST_FIELDS = 16
_MOST_FIELD_BYTES = 16 * 1024

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureForm:
    """A form with one picture.

    Attributes:
        content: the picture's bytes.
        name: its file name, for messages.
        fields: the other fields, each given once.
    """

    content: bytes
    name: str
    fields: dict[str, str]


def media_type(request: Request) -> str:
    """Of the body, lower case, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def unsupported(request: Request, taken: str) -> Refused:
    """The refusal of a body's media type."""
    given = printable(media_type(request), most=100) or "no media type"
    return refused("unsupported-media-type", f"the body is {given}; {taken} is taken here", headers={"Accept": taken})


async def read_json(request: Request, model: type[M], *, most_bytes: int) -> M:
    """The body as that model.

    Raises:
        Refused: it is too large, not JSON, or not as the model says.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise refused("body-too-large", f"a JSON body may have at most {most_bytes} bytes")
    return parsed(model, bytes(body))


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


@asynccontextmanager
async def _form(request: Request) -> AsyncIterator[list[tuple[str, UploadFile | str]]]:
    async with request.form(max_files=1, max_fields=MOST_FIELDS, max_part_size=_MOST_FIELD_BYTES) as form:
        yield form.multi_items()


async def read_picture_form(request: Request, *, allowed: Collection[str]) -> PictureForm:
    """A multipart body with the picture in `image`. Pictures over 1 MiB wait on disk while they come.

    Args:
        request: with that body.
        allowed: names of the other fields.

    Raises:
        Refused: it is not multipart, or its fields are not as expected.
    """
    if media_type(request) != "multipart/form-data":
        raise unsupported(request, "multipart/form-data")
    async with _form(request) as items:
        fields: dict[str, str] = {}
        picture: UploadFile | None = None
        for name, value in items:
            if isinstance(value, UploadFile) and name == "image":
                picture = value
            elif isinstance(value, UploadFile) or name == "image":
                raise _wrong_field(name, "the picture is a file, in the field image, and nothing else is")
            elif name not in allowed or name in fields:
                raise _wrong_field(name, f"is given twice or not known; known are image, {', '.join(allowed)}")
            else:
                fields[name] = value
        if picture is None:
            raise _wrong_field("image", "is missing: send the picture's bytes as a file in the field image")
        return PictureForm(content=await picture.read(), name=_file_name(picture.filename), fields=fields)


def _wrong_field(name: str, message: str) -> Refused:
    return Refused(invalid([{"type": "form", "loc": (printable(name, most=50),), "msg": message}]))


def _file_name(given: str | None) -> str:
    """What a browser calls the file, without folders (of either kind of path) and safe for one line of a message."""
    return printable(PureWindowsPath(given or "").name, most=100) or "image"
