"""Pictures that are sent: as a file in a form, as the body itself, or in base64 within JSON."""

import binascii
import json
import re
from collections.abc import AsyncGenerator, Collection, Coroutine, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import unquote, unquote_to_bytes

from pydantic import BaseModel
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from lookalike.catalog import display_name
from lookalike.serving.bodies import media_type, parsed, unsupported, wrong_field
from lookalike.serving.problems import refused
from lookalike.serving.wire import one_line

TAKEN = "multipart/form-data, application/json, image/*, application/octet-stream"
_MOST_FILES = 2  # so that a second one can be told of
MOST_FIELDS = 80  # as many tags as an image may have, and the others
_MOST_FIELD_BYTES = 16 * 1024
_MOST_PART_HEADERS = 32
_PIECE = 256 * 1024
_MOST_COMPARED = 1024 * 1024  # comparing takes a millisecond for each MiB, of the event loop's time
_TYPES = frozenset({"multipart/form-data", "application/json", "application/octet-stream"})
_LISTS = frozenset({"tags", "any_tags", "all_tags", "no_tags"})
_NAMELESS = frozenset({"blob", "image"})  # what browsers and programs call a file that has no name

_BOUNDARY = re.compile(r"""boundary\s*=\s*"?([^";]+)""", re.IGNORECASE)
_PLAIN_FORM = re.compile(r"multipart/form-data; boundary=([0-9A-Za-z'_.-]{1,70})")
_PLAIN_HEAD = re.compile(
    rb'Content-Disposition: form-data; name="image"; filename="([\w .()+,=@-]{1,200})"\r\n'
    rb"(?:Content-Type: [a-z]{1,20}/[a-z0-9.+-]{1,50}\r\n)?\r\n"
)
_JSON_MEMBER = re.compile(rb'"image"\s*:\s*"')
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_WHITESPACE = b" \t\r\n\f\v"
_EXTENDED_NAME = re.compile(rb"""filename\*\s*=\s*"?utf-8'[^']*'([^;"]+)""", re.IGNORECASE)

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPicture:
    """A picture from a form or a body of its own.

    Attributes:
        content: its bytes.
        file_name: what its sender calls it, if anything; to be shown, never a path.
        fields: the form's other fields and the query's parameters, each given once.
    """

    content: bytes
    file_name: str | None
    fields: dict[str, str]

    @property
    def name(self) -> str:
        """For messages."""
        return self.file_name or "image"


@dataclass(frozen=True, kw_only=True)
class ReceivedPicture:
    """A body that should hold a picture, received whole and not looked into yet.

    Attributes:
        pieces: of its bytes, as they came: putting a large body together takes tens of milliseconds, which is for a
            thread to do.
        media_type: of it, lower case, without parameters.
        headers: of the request.
        parameters: of the request's query.
    """

    pieces: tuple[bytes, ...]
    media_type: str
    headers: Headers
    parameters: list[tuple[str, str]]
    _joined: list[bytes] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(map(len, self.pieces))

    @property
    def body(self) -> bytes:
        """Its bytes. Python's lock is not held while a large one is put together.

        Nor is any other lock: until Python 3.12 all bodies would share that of a `cached_property`, and searches by id
        would wait for the bodies of others.
        """
        if len(self.pieces) == 1:
            return self.pieces[0]
        if not self._joined:
            self._joined.append(b"".join(self.pieces))
        return self._joined[0]

    @property
    def is_json(self) -> bool:
        """Whether the picture, if any, is a member of JSON."""
        return self.media_type == "application/json"

    @property
    def key(self) -> Hashable:
        """Equal for equal bodies; forms are equal whatever boundary their sender drew. Large bodies equal no other."""
        if self.size > _MOST_COMPARED:
            return object()
        boundary = _BOUNDARY.search(self.headers.get("content-type", ""))
        body = self.body.replace(boundary[1].encode("latin-1"), b"") if boundary else self.body
        return self.media_type, body, tuple(self.parameters)

    def parse(self, *, allowed: Collection[str]) -> SentPicture:
        """The picture of a form in its field `image`, or of a body that is the picture. Large ones take a while.

        Args:
            allowed: names of the form's other fields, which may stand in the query as well.

        Raises:
            Refused: the body or its fields are not as expected.
        """
        if self.media_type == "multipart/form-data":
            return _parse_form(self, allowed)
        name = _file_name(self.headers.get("content-disposition", "").encode("latin-1"), None)
        return SentPicture(content=self.body, file_name=name, fields=_once(self.parameters, allowed))

    def parse_json(self, model: type[M], *, most_other_bytes: int) -> tuple[M, bytes | None]:
        """JSON as that model, and its picture if it has one. See `picture_in_json`."""
        require_no_query(dict(self.parameters))
        return picture_in_json(self.body, model, most_other_bytes=most_other_bytes)


async def receive_picture(request: Request) -> ReceivedPicture:
    """A body with a picture, whole: a form, JSON, or the picture's bytes alone.

    Raises:
        Refused: it is of another type, too large, or did not come in time.
    """
    kind = media_type(request)
    if kind == "application/x-www-form-urlencoded":
        raise refused(
            "unsupported-media-type",
            "the body is declared as application/x-www-form-urlencoded, which is what curl does with --data-binary:"
            " add -H 'Content-Type: image/jpeg', or send a form with -F image=@FILE",
            headers={"Accept": TAKEN},
        )
    if kind not in _TYPES and not kind.startswith("image/"):
        raise unsupported(request, TAKEN)
    pieces = tuple([piece async for piece in request.stream() if piece])
    parameters = request.query_params.multi_items()
    return ReceivedPicture(pieces=pieces, media_type=kind, headers=request.headers, parameters=parameters)


class _PictureParser(MultiPartParser):
    """Starlette's, for which the part `image` is a file whether or not it has a file name. All stays in memory."""

    spool_max_size = 1 << 40

    def on_header_end(self) -> None:
        """One header of a part has come."""
        super().on_header_end()
        if len(self._current_part.item_headers) > _MOST_PART_HEADERS:
            raise MultiPartException(f"A part may have {_MOST_PART_HEADERS} headers.")

    def on_headers_finished(self) -> None:
        """A part's head has come."""
        part = self._current_part
        disposition = part.content_disposition or b""
        if re.search(rb'[;\s]name\s*=\s*"?image"?\s*(;|$)', disposition) and not _has_file_name(disposition):
            part.content_disposition = disposition + b'; filename=""'
        super().on_headers_finished()


def _has_file_name(disposition: bytes) -> bool:
    return re.search(rb"[;\s]filename\s*=", disposition) is not None


async def _pieces(body: bytes) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE]


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits for anything."""
    try:
        work.send(None)
    except StopIteration as finished:
        result: T = finished.value
        return result
    raise RuntimeError("parsing a body in memory waited for something")


def _parse_form(received: ReceivedPicture, allowed: Collection[str]) -> SentPicture:
    sent = _only_picture(received.headers.get("content-type", ""), received.body)
    if sent is None:
        return _parse_any_form(received, allowed)
    content, file_name = sent
    return SentPicture(content=content, file_name=file_name, fields=_once(received.parameters, allowed))


def _only_picture(content_type: str, body: bytes) -> tuple[bytes, str | None] | None:
    """The picture and its name in a form that has nothing else and is written as most programs write it.

    The parser of forms takes a quarter of a millisecond, because it looks at each byte of the heads for what may be
    there. None for whatever it has to look at.
    """
    kind = _PLAIN_FORM.fullmatch(content_type)
    if kind is None:
        return None
    line = b"--" + kind[1].encode("ascii")
    start, end = len(line) + 2, len(body) - len(line) - 6
    head = _PLAIN_HEAD.match(body, start)
    if head is None or not body.startswith(line + b"\r\n") or not body.endswith(b"\r\n" + line + b"--\r\n"):
        return None
    if head.end() > end or body.find(b"\r\n" + line, head.end() - 2, end + 2) >= 0:
        return None
    file_name = _file_name(b"", head[1].decode("ascii"))
    return None if file_name is None else (body[head.end() : end], file_name)


def _parse_any_form(received: ReceivedPicture, allowed: Collection[str]) -> SentPicture:
    parser = _PictureParser(received.headers, _pieces(received.body), max_files=_MOST_FILES, max_fields=MOST_FIELDS)
    parser.max_part_size = _MOST_FIELD_BYTES
    try:
        form = _at_once(parser.parse())
    except MultiPartException as mistake:
        raise refused("malformed-request", mistake.message) from None
    items = form.multi_items()
    files = [(name, value) for name, value in items if isinstance(value, UploadFile)]
    stray = next((name for name, _ in files if name != "image"), None)
    if stray is not None:
        raise wrong_field(stray, "the picture belongs in the field image, as the only file")
    if len(files) != 1:
        raise wrong_field("image", "is missing or given twice: send the picture's bytes as one file in image")
    texts = [(name, value) for name, value in items if isinstance(value, str)]
    fields = _once([*texts, *received.parameters], allowed)
    file = files[0][1]
    content, file_name = file.file.read(), _name_in_form(file)
    file.file.close()
    if file_name is None and content[:5].lower() == b"data:":
        content = picture_in_text(content)
    return SentPicture(content=content, file_name=file_name, fields=fields)


def _once(items: list[tuple[str, str]], allowed: Collection[str]) -> dict[str, str]:
    """By name; lists may be spread over several fields."""
    fields: dict[str, str] = {}
    for name, value in items:
        if name not in allowed or (name in fields and name not in _LISTS):
            raise wrong_field(name, f"is given twice or not known; known are image, {', '.join(allowed)}")
        fields[name] = f"{fields[name]},{value}" if name in fields else value
    return fields


def _name_in_form(file: UploadFile) -> str | None:
    disposition = file.headers.get("content-disposition", "").encode("latin-1")
    return _file_name(disposition, file.filename)


def _file_name(disposition: bytes, given: str | None) -> str | None:
    """Of a picture: `filename*` where there is one, else as a form gives it, where browsers write `%22` for a quote."""
    extended = _EXTENDED_NAME.search(disposition)
    if extended is not None:
        return display_name(unquote(extended[1].decode("latin-1"), errors="replace"))
    if given is None:
        plain = re.search(rb'filename\s*=\s*"([^"]*)"|filename\s*=\s*([^;\s]+)', disposition)
        given = (plain[1] or plain[2] or b"").decode("utf-8", "replace") if plain else ""
    name = display_name(given.replace("%22", '"'))
    return None if name in _NAMELESS else name


def picture_in_json(body: bytes, model: type[M], *, most_other_bytes: int) -> tuple[M, bytes | None]:
    """A JSON body as that model, and the picture that its member `image` holds in base64 or as a data URL.

    The picture is taken out before the rest is parsed, so that a large body costs no more than its bytes.

    Args:
        body: JSON.
        model: whose `image` is then empty.
        most_other_bytes: of all but the picture.

    Raises:
        Refused: it is too large, not JSON, not as the model says, or the picture is not base64.
    """
    member = _JSON_MEMBER.search(body)
    start = member.end() if member else len(body)
    end = max(body.find(b'"', start), start)
    if len(body) - (end - start) > most_other_bytes:
        raise refused("body-too-large", f"a JSON body may have at most {most_other_bytes} bytes beside its picture")
    value = parsed(model, body[:start] + body[end:])
    return value, picture_in_text(body[start:end]) if member else None


def picture_in_text(text: bytes) -> bytes:
    """The bytes of base64 or a data URL; accepts whitespace, JSON's escapes, either alphabet and any padding.

    Raises:
        Refused: `invalid-request`.
    """
    if b"\\" in text:
        with suppress(ValueError):
            text = json.loads(b'"' + text + b'"').encode("utf-8", "replace")
    text = text.strip(_WHITESPACE)
    if text[:5].lower() == b"data:":
        head, _, text = text.partition(b",")
        if not head.lower().rstrip().endswith(b";base64"):
            raise wrong_field("image", "a data URL must hold base64: data:image/png;base64,...")
        text = unquote_to_bytes(text) if b"%" in text else text
    digits = text.translate(_TO_STANDARD, _WHITESPACE).rstrip(b"=")
    try:
        content = binascii.a2b_base64(digits + b"=" * (-len(digits) % 4), strict_mode=True)
    except binascii.Error:
        raise wrong_field("image", "is not base64: send the file's bytes in base64, or a data URL of them") from None
    if not content:
        raise wrong_field("image", "is empty: send the file's bytes in base64, or a data URL of them")
    return content


def require_no_query(parameters: Mapping[str, str]) -> None:
    """Refuse query parameters beside a JSON body.

    Raises:
        Refused: there are query parameters.
    """
    for name in parameters:
        raise wrong_field(one_line(name, most=50), "stands in the query; with a JSON body it belongs in the body")
