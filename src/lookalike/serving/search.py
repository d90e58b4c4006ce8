"""`POST /v1/search`: a picture, an indexed image, or the next page."""

import asyncio
import base64
import binascii
import hashlib
import re
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import FastAPI
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from lookalike.catalog import content_id
from lookalike.errors import CursorRefused, UnknownImage
from lookalike.retrieval import Answer, IndexedImage, Picture, Query
from lookalike.serving.bodies import checked, declared_bytes, media_type, read_body
from lookalike.serving.documentation import body_of
from lookalike.serving.pictures import picture_in_json, read_picture, require_no_query
from lookalike.serving.previews import PreviewWish, preview_url
from lookalike.serving.problems import Refused, documented, problem, told_notes
from lookalike.serving.proxies import address
from lookalike.serving.state import State
from lookalike.serving.wire import (
    MOST_HITS,
    VERIFY,
    CropBox,
    HitRecord,
    Milliseconds,
    QueryRecord,
    SearchAnswer,
    SearchRequest,
    Wire,
)
from lookalike.types import Box, BoxUnit

_USUAL_LIMIT = 30
_CURSOR = re.compile(r"([0-9A-Za-z_-]{1,64}):([0-9]{1,7}):([0-9]{1,3})")


class SearchForm(Wire):
    """The fields beside the picture in a multipart search."""

    crop: Annotated[str, Field(max_length=200)] | None = None
    crop_unit: BoxUnit = "fraction"
    limit: int = Field(default=_USUAL_LIMIT, ge=1, le=MOST_HITS)
    include_self: bool | None = None
    verify: bool = Field(default=False, description=VERIFY)
    preview: PreviewWish = Field(
        default=PreviewWish.NEVER,
        description="Answer with an upright copy of the picture: never, where browsers may show another, or always.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where the next page of a query begins."""

    query_id: str
    offset: int
    limit: int

    def text(self) -> str:
        """Opaque to whoever holds it."""
        content = f"{self.query_id}:{self.offset}:{self.limit}"
        return base64.urlsafe_b64encode(f"{content}:{_checksum(content)}".encode()).decode().rstrip("=")

    @classmethod
    def of(cls, text: str) -> "Cursor":
        """The cursor that `text` is.

        Raises:
            CursorRefused: it is none of ours, or was changed.
        """
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            content, _, checksum = (
                base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii").rpartition(":")
            )
        except (UnicodeError, binascii.Error):
            content, checksum = "", ""
        parts = _CURSOR.fullmatch(content)
        if parts is None or checksum != _checksum(content):
            raise CursorRefused("the cursor is damaged: send next_cursor back exactly as it came")
        return cls(query_id=parts[1], offset=int(parts[2]), limit=int(parts[3]))


def _checksum(content: str) -> str:
    """Finds accidents. It is no secret: whoever knows a query's id may page through it anyway."""
    return hashlib.sha256(content.encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """What the page wants to know about a picture that was sent."""

    indexed_as: str | None
    preview: str | None


class SearchRoutes:
    """Search, first pages and later ones."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add_to(self, app: FastAPI) -> None:
        """Make the app answer searches."""
        app.post(
            "/v1/search",
            tags=["search"],
            operation_id="search",
            summary="Find images that look like a picture, an indexed image, or a part of either",
            response_model=SearchAnswer,
            responses=documented(
                "malformed-request", "cursor-refused", "cross-site-request", "unknown-image", "body-timeout",
                "body-too-large", "image-refused", "unsupported-media-type", "invalid-request", "crop-refused", "busy",
                "environment",
            ) | {410: documented("cursor-refused")[400]},
            openapi_extra=body_of({"application/json": SearchRequest}, form=SearchForm),
        )(self.search)  # fmt: skip

    async def search(self, request: Request) -> Response:
        """Send `multipart/form-data` with the picture in `image`, or JSON with an `image_id`, an `image` or a `cursor`.

        In JSON, `image` is the picture in base64, or a data URL of it. A body that is the picture itself, of its own
        media type, is taken, too; the form's fields then stand in the query.

        A crop is measured on the upright picture, in fractions of its sides or in pixels. What a page ranked is frozen:
        later pages go on behind it, until every image was shown or 10,000 were looked at (`complete`). Images deleted
        or hidden meanwhile are left out.
        """
        started = time.perf_counter()
        if media_type(request) == "application/json":
            return await self._by_json(request, started)
        return await self._by_picture(request, started)

    async def _by_json(self, request: Request, started: float) -> Response:
        require_no_query(request.query_params)
        gate, usual_bytes = self._state.gates.model, self._state.settings.max_json_bytes
        large = declared_bytes(request) > usual_bytes  # only with a picture
        with gate.place() if large else nullcontext():
            most_bytes = self._state.settings.max_body_bytes if large else usual_bytes
            body = await read_body(request, most_bytes=most_bytes)
            sent, content = await asyncio.to_thread(picture_in_json, body, SearchRequest, most_other_bytes=usual_bytes)
            if sent.cursor is not None:
                return await self._next_page(request, Cursor.of(sent.cursor), sent.limit, started)
            limit = sent.limit or _USUAL_LIMIT
            picture = Picture(content=content, name="image") if content is not None else None
            query = Query(
                subject=picture or IndexedImage(image_id=sent.image_id or ""),
                crop=sent.crop.box() if sent.crop else None,
                limit=limit,
                include_self=sent.include_self,
                verify=sent.verify,
            )
            answer = await (gate.run if large else gate.enter_and_run)(self._state.services.engine.search, query)
            about = await self._describe(picture, PreviewWish.NEVER) if picture else None
        return self._respond(request, answer, Cursor(query_id=answer.query_id, offset=0, limit=limit), started, about)

    async def _by_picture(self, request: Request, started: float) -> Response:
        with self._state.gates.model.place():
            sent = await read_picture(request, allowed=tuple(SearchForm.model_fields))
            fields = checked(SearchForm, sent.fields)
            picture = Picture(content=sent.content, name=sent.name)
            crop = Box.parse(fields.crop, unit=fields.crop_unit) if fields.crop else None
            query = Query(
                subject=picture,
                crop=crop,
                limit=fields.limit,
                include_self=fields.include_self,
                verify=fields.verify,
            )
            answer = await self._state.gates.model.run(self._state.services.engine.search, query)
            about = await self._describe(picture, fields.preview)
        here = Cursor(query_id=answer.query_id, offset=0, limit=fields.limit)
        return self._respond(request, answer, here, started, about)

    async def _describe(self, picture: Picture, preview: PreviewWish) -> _About:
        return await self._state.gates.pictures.enter_and_run(self._about, picture, preview)

    async def _next_page(self, request: Request, cursor: Cursor, limit: int | None, started: float) -> Response:
        limit = limit or cursor.limit
        page = self._state.services.engine.page
        try:
            answer = await self._state.gates.reading.enter_and_run(
                page, cursor.query_id, offset=cursor.offset, limit=limit
            )
        except CursorRefused as gone:
            raise Refused(problem("cursor-refused", str(gone), status=410)) from None
        return self._respond(request, answer, replace(cursor, limit=limit), started)

    def _about(self, picture: Picture, wish: PreviewWish) -> _About:
        """In a thread: hashing and decoding take a while."""
        preview = preview_url(picture.content, wish, name=picture.name, limits=self._state.settings.picture_limits)
        image_id = content_id(picture.content)
        try:
            return _About(indexed_as=self._state.services.engine.public_image(image_id).id, preview=preview)
        except UnknownImage:
            return _About(indexed_as=None, preview=preview)

    def _respond(
        self, request: Request, answer: Answer, here: Cursor, started: float, about: _About | None = None
    ) -> Response:
        below = address(request, "")
        following = replace(here, offset=here.offset + here.limit)
        stages = {
            stage: round(answer.milliseconds.get(stage, 0.0), 3) for stage in ("decode", "embed", "search", "rerank")
        }
        for_owner = self._state.admin.may_change(request)
        total = round((time.perf_counter() - started) * 1000, 3)
        self._state.meters.searched(stages)
        body = SearchAnswer(
            query_id=answer.query_id,
            generation=answer.generation,
            query=QueryRecord(
                image_id=answer.query_image_id,
                width=answer.width,
                height=answer.height,
                crop=CropBox.of(answer.crop) if answer.crop else None,
                indexed_as=about.indexed_as if about else None,
                preview=about.preview if about else None,
            ),
            total=answer.total,
            complete=answer.complete,
            images=answer.images,
            reachable=answer.reachable,
            hits=tuple(HitRecord.of(hit, below, for_owner=for_owner) for hit in answer.hits),
            next_cursor=None if answer.complete and following.offset >= answer.total else following.text(),
            milliseconds=Milliseconds(**stages, total=total),
            notes=told_notes(answer.notes),
        )
        timing = ", ".join(f"{stage};dur={duration:.2f}" for stage, duration in {**stages, "total": total}.items())
        return Response(body.model_dump_json(), media_type="application/json", headers={"Server-Timing": timing})
