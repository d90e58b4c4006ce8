"""`POST /v1/search`: a picture, an indexed image, or the next page."""

import base64
import binascii
import hashlib
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, TypeVar

from fastapi import FastAPI
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from lookalike.errors import CursorRefused
from lookalike.retrieval import NO_FILTERS, Answer, DecodedQuery, EmbeddedQuery, IndexedImage, Picture, Query
from lookalike.serving.bodies import checked, declared_bytes, media_type
from lookalike.serving.direct import DirectRoute
from lookalike.serving.documentation import body_of
from lookalike.serving.metrics import QUERY_ID
from lookalike.serving.patience import Patience, patience_of
from lookalike.serving.pictures import ReceivedPicture, receive_picture
from lookalike.serving.previews import PreviewWish, preview_url
from lookalike.serving.problems import Refused, documented, problem, told_notes
from lookalike.serving.proxies import address
from lookalike.serving.shared import SharedWork
from lookalike.serving.state import State
from lookalike.serving.wire import (
    FACETS,
    MOST_HITS,
    VERIFY,
    CropBox,
    FacetCounts,
    FilterFields,
    HitRecord,
    Milliseconds,
    QueryRecord,
    SearchAnswer,
    SearchRequest,
)
from lookalike.types import Box, BoxUnit

T = TypeVar("T")

_USUAL_LIMIT = 30
_MOST_RANK = 2
_SECONDS_BETWEEN_LOOKS = 10.0  # whether there are keypoints
_PARSED_AT_ONCE = 16 * 1024  # bytes of JSON: longer ones are parsed in a thread
_CURSOR = re.compile(r"([0-9A-Za-z_-]{1,64}):([0-9]{1,7}):([0-9]{1,3})")


class SearchForm(FilterFields):
    """The fields beside the picture in a multipart search."""

    crop: Annotated[str, Field(max_length=200)] | None = None
    crop_unit: BoxUnit = "fraction"
    limit: int = Field(default=_USUAL_LIMIT, ge=1, le=MOST_HITS)
    include_self: bool | None = None
    verify: bool = Field(default=False, description=VERIFY)
    facets: bool = Field(default=False, description=FACETS)
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
class _Asked:
    """What a body asks for."""

    query: Query
    preview: PreviewWish


@dataclass(frozen=True, slots=True, kw_only=True)
class _Worked:
    """How far a query by a picture has come.

    Attributes:
        asked: what its body asks for.
        decoded: its picture.
        preview: of it, where one is wanted.
        embedded: its vector; None as long as the model is busy.
        response: its answer; None as long as there is none.
    """

    asked: _Asked
    decoded: DecodedQuery
    preview: str | None
    embedded: EmbeddedQuery | None = None
    response: Response | None = None


def _asked_by_form(received: ReceivedPicture) -> _Asked:
    sent = received.parse(allowed=tuple(SearchForm.model_fields))
    fields = checked(SearchForm, sent.fields)
    query = Query(
        subject=Picture(content=sent.content, name=sent.name),
        crop=Box.parse(fields.crop, unit=fields.crop_unit) if fields.crop else None,
        limit=fields.limit,
        include_self=fields.include_self,
        verify=fields.verify,
        filters=fields.conditions(),
        facets=fields.facets,
    )
    return _Asked(query=query, preview=fields.preview)


def _is_small_json(request: Request) -> bool:
    """Whether a body is too small to hold a picture: an id or a cursor, which the model has nothing to do with."""
    return media_type(request) == "application/json" and declared_bytes(request) <= _PARSED_AT_ONCE


def _first(answer: Answer, query: Query) -> Cursor:
    return Cursor(query_id=answer.query_id, offset=0, limit=query.limit)


class _Crops:
    """Crops in work by client: whoever drags a crop over a picture sends many, which others do not wait behind."""

    def __init__(self) -> None:
        self._in_work: Counter[str] = Counter()

    @contextmanager
    def one(self, client: str, *, counted: Box | None) -> Iterator[int]:
        """The rank of a query at the model: 0 for a whole picture, else as many crops of the client as are in work.

        A rank is a head start for others; with a higher one than two a crop would wait for longer than anybody does.
        """
        if counted is None:
            yield 0
            return
        self._in_work[client] += 1
        try:
            yield min(self._in_work[client], _MOST_RANK)
        finally:
            self._in_work[client] -= 1
            if not self._in_work[client]:
                del self._in_work[client]


class SearchRoutes:
    """Search, first pages and later ones."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._shared: SharedWork[_Worked] = SharedWork()
        self._crops = _Crops()
        self._verifiable = False
        self._looked_at = -math.inf

    def add_to(self, app: FastAPI) -> None:
        """Make the app answer searches."""
        app.router.add_api_route(
            "/v1/search",
            self.search,
            methods=["POST"],
            route_class_override=DirectRoute,
            tags=["search"],
            operation_id="search",
            summary="Find images that look like a picture, an indexed image, or a part of either",
            response_model=SearchAnswer,
            responses=documented(
                "malformed-request", "cursor-refused", "cross-site-request", "unknown-image", "body-timeout",
                "body-too-large", "image-refused", "unsupported-media-type", "invalid-request", "crop-refused", "busy",
                "environment", "bad-request", "deadline-passed",
            ) | {410: documented("cursor-refused")[400]},
            openapi_extra=body_of({"application/json": SearchRequest}, form=SearchForm),
        )  # fmt: skip

    async def search(self, request: Request) -> Response:
        """Send `multipart/form-data` with the picture in `image`, or JSON with an `image_id`, an `image` or a `cursor`.

        In JSON, `image` is the picture in base64, or a data URL of it. A body that is the picture itself, of its own
        media type, is taken, too; the form's fields then stand in the query.

        A crop is measured on the upright picture, in fractions of its sides or in pixels. What a page ranked is frozen:
        later pages go on behind it, until every image was shown or 10,000 were looked at (`complete`). Images deleted
        or hidden meanwhile are left out.
        """
        started = time.perf_counter()
        patience = patience_of(request)
        if not _is_small_json(request):
            self._state.gates.model.require_place()  # before the body is read
        received = await receive_picture(request)
        await self._see_whether_verifiable(patience)
        if not received.is_json:
            return await self._by_model(request, received, partial(_asked_by_form, received), patience, started)
        most = self._state.settings.max_json_bytes
        read = partial(received.parse_json, SearchRequest, most_other_bytes=most)
        sent, content = read() if received.size <= _PARSED_AT_ONCE else await self._decoding(patience, read)
        if sent.cursor is not None:
            return await self._next_page(request, Cursor.of(sent.cursor), sent.limit, started)
        if sent.image_url is not None:
            content = await self._state.gates.fetching.enter_and_run(self._state.fetched, sent.image_url)
        subject = Picture(content=content, name="image") if content is not None else None
        query = Query(
            subject=subject or IndexedImage(image_id=sent.image_id or ""),
            crop=sent.crop.box() if sent.crop else None,
            limit=sent.limit or _USUAL_LIMIT,
            include_self=sent.include_self,
            verify=sent.verify,
            filters=sent.filters.conditions() if sent.filters else NO_FILTERS,
            facets=sent.facets,
        )
        if subject is None and query.crop is None:
            return await self._searching(patience, partial(self._answered, request, query, started))
        asked = _Asked(query=query, preview=PreviewWish.NEVER)
        return await self._by_model(request, received, lambda: asked, patience, started)

    async def _by_model(
        self,
        request: Request,
        received: ReceivedPicture,
        asked_of: Callable[[], "_Asked"],
        patience: Patience,
        started: float,
    ) -> Response:
        """A query whose picture has to be decoded and embedded; the same one at the same time only once."""
        response: Response | None = None

        async def embed() -> _Worked:
            nonlocal response
            worked = await self._embedded(request, asked_of, patience, started)
            response = worked.response
            return worked

        with self._state.gates.model.place():
            worked = await self._shared.get(received.key, embed, patience)
            if response is None:
                answered = partial(self._answered, request, worked.asked.query, started)
                finish = partial(answered, embedded=worked.embedded, preview=worked.preview)
                response = await self._state.gates.searching.run_for(patience, finish)
        return response

    async def _embedded(
        self, request: Request, asked_of: Callable[[], "_Asked"], patience: Patience, started: float
    ) -> _Worked:
        """A query by a picture with its vector, or even answered."""
        worked = await self._decoding(patience, partial(self._worked, request, asked_of, patience, started))
        if worked.embedded is not None:
            return worked
        with self._crops.one(request.client.host if request.client else "", counted=worked.asked.query.crop) as rank:
            embed = partial(self._state.services.engine.embed, worked.decoded)
            return replace(worked, embedded=await self._state.gates.model.run_for(patience, embed, rank=rank))

    def _worked(
        self, request: Request, asked_of: Callable[[], "_Asked"], patience: Patience, started: float
    ) -> _Worked:
        """Decode the picture; and go on with it in this thread, as far as nobody else waits for what comes next.

        Crops leave the thread: of those the model takes the fewest of one client first.
        """
        engine, gates = self._state.services.engine, self._state.gates
        asked = asked_of()
        decoded = engine.decode(asked.query)
        subject = asked.query.subject
        preview = self._preview(subject, asked.preview) if isinstance(subject, Picture) else None
        worked = _Worked(asked=asked, decoded=decoded, preview=preview)
        if asked.query.crop is not None:
            return worked
        embedded = gates.model.run_here(patience, partial(engine.embed, decoded))
        if embedded is None:
            return worked
        answered = partial(self._answered, request, asked.query, started, embedded=embedded[0], preview=preview)
        response = gates.searching.run_here(patience, answered)
        return replace(worked, embedded=embedded[0], response=response[0] if response else None)

    def _answered(
        self,
        request: Request,
        query: Query,
        started: float,
        *,
        embedded: EmbeddedQuery | None = None,
        preview: str | None = None,
    ) -> Response:
        """The last step of a query."""
        answer = self._state.services.engine.search(query, embedded)
        return self._respond(request, answer, _first(answer, query), started, preview)

    async def _decoding(self, patience: Patience, work: Callable[[], T]) -> T:
        with self._state.gates.decoding.place():
            return await self._state.gates.decoding.run_for(patience, work)

    async def _see_whether_verifiable(self, patience: Patience) -> None:
        """Whether any image has keypoints: they are made by hand, and seldom."""
        if time.monotonic() - self._looked_at > _SECONDS_BETWEEN_LOOKS:
            self._looked_at = time.monotonic()
            are_kept = self._state.services.catalog.keypoints.are_kept
            self._verifiable = await self._state.gates.searching.run_for(patience, are_kept)

    async def _searching(self, patience: Patience, work: Callable[[], T]) -> T:
        with self._state.gates.searching.place():
            return await self._state.gates.searching.run_for(patience, work)

    async def _next_page(self, request: Request, cursor: Cursor, limit: int | None, started: float) -> Response:
        limit = limit or cursor.limit
        page = self._state.services.engine.page
        try:
            answer = await self._state.gates.searching.enter_and_run(
                page, cursor.query_id, offset=cursor.offset, limit=limit
            )
        except CursorRefused as gone:
            raise Refused(problem("cursor-refused", str(gone), status=410)) from None
        return self._respond(request, answer, replace(cursor, limit=limit), started)

    def _preview(self, picture: Picture, wish: PreviewWish) -> str | None:
        return preview_url(picture.content, wish, name=picture.name, limits=self._state.settings.picture_limits)

    def _respond(
        self, request: Request, answer: Answer, here: Cursor, started: float, preview: str | None = None
    ) -> Response:
        request.scope[QUERY_ID] = answer.query_id
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
                indexed_as=answer.indexed_as,
                preview=preview,
            ),
            total=answer.total,
            complete=answer.complete,
            images=answer.images,
            reachable=answer.reachable,
            hits=(),
            next_cursor=None if answer.complete and following.offset >= answer.total else following.text(),
            verifiable=self._verifiable,
            milliseconds=Milliseconds(**stages, total=total),
            notes=told_notes(answer.notes),
            facets=FacetCounts.of(answer.facets) if answer.facets else None,
        )
        timing = ", ".join(f"{stage};dur={duration:.2f}" for stage, duration in {**stages, "total": total}.items())
        content = body.json_with(HitRecord.json_of(hit, below, for_owner=for_owner) for hit in answer.hits)
        return Response(content, media_type="application/json", headers={"Server-Timing": timing})
