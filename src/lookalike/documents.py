"""JSON documents that this program wrote, read back into dataclasses. What does not fit is told by its field."""

import json
import reprlib
from collections.abc import Hashable, Sequence
from functools import cache
from typing import Any, Literal, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

_T = TypeVar("_T")
_EXPECTED = "Input should be "
_UNKNOWN = "unexpected_keyword_argument"


def from_document(
    kind: type[_T], document: object, *, place: str, unknown: Literal["forbid", "ignore"] = "forbid"
) -> _T:
    """The dataclass that a document describes; nothing is converted but lists to tuples and whole numbers to float.

    Args:
        kind: the dataclass.
        document: what `json.loads` gave.
        place: what the document is, and where, for the message; may be empty.
        unknown: what to do with a field that the dataclass does not have.

    Raises:
        ValueError: a field is missing, unknown or of another type, or its value is refused by the dataclass itself;
            the message names the first such field and what belongs there.
    """
    adapter: TypeAdapter[_T] = _adapter(cast("Hashable", kind))
    text = json.dumps(document, ensure_ascii=False)
    content = text.encode("utf-8", "replace")
    try:
        read = adapter.validate_json(content, strict=True, extra=unknown)
    except ValidationError as fault:
        raise ValueError(_told(fault.errors(include_url=False), document, place)) from None
    if content == text.encode("utf-8", "surrogatepass"):
        return read
    return adapter.validate_python(document, extra=unknown)  # file names that are not UTF-8, which JSON does not have


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _told(errors: Sequence[ErrorDetails], document: object, place: str) -> str:
    """Where the first mistake is, and what is wrong; a field of several types has an error for each.

    A misspelled field is told by the name that it has, not by the one that is missing.
    """
    found = [(_path(error, document), error) for error in sorted(errors, key=lambda error: error["type"] != _UNKNOWN)]
    path, first = found[0]
    where = f"{place}{path}: ".lstrip(".") if place or path else ""
    if first["type"] == "missing":
        return f"{where}is missing"
    if first["type"] == _UNKNOWN:
        return f"{where}is not known"
    if not first["msg"].startswith(_EXPECTED):
        return f"{where}{first['msg'].removeprefix('Value error, ')}"
    expected = [error["msg"].removeprefix(_EXPECTED) for other, error in found if other == path]
    return f"{where}{reprlib.repr(first['input'])} is not {' or '.join(expected)}"


def _path(error: ErrorDetails, document: Any) -> str:
    """`.labels[0].count`: without the names of types that pydantic appends where there are several."""
    path, keys = "", error["loc"]
    for number, key in enumerate(keys):
        missing = error["type"] == "missing" and number == len(keys) - 1
        if isinstance(document, list) and isinstance(key, int):
            path, document = f"{path}[{key}]", document[key]
        elif isinstance(document, dict) and (missing or key in document):
            path, document = f"{path}.{key}", document.get(key)
        else:
            break
    return path
