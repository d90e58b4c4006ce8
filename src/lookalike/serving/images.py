"""`/v1/images`: list, upload, look at, change and delete."""

import base64
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import numpy as np
from cachetools import LRUCache
from fastapi import FastAPI, Query
from pydantic import Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from lookalike.catalog import CatalogCounts, CatalogState, display_name
from lookalike.errors import UnknownImage
from lookalike.serving.answers import json_answer
from lookalike.serving.bodies import checked, media_type, read_json, unsupported
from lookalike.serving.documentation import body_of
from lookalike.serving.patience import patience_of
from lookalike.serving.pictures import ReceivedPicture, receive_picture
from lookalike.serving.problems import documented
from lookalike.serving.proxies import address
from lookalike.serving.state import State
from lookalike.serving.wire import (
    MOST_HITS,
    ImageChange,
    ImageOutline,
    ImagePage,
    ImageRecord,
    SplitTags,
    UploadRequest,
    Wire,
    Words,
)
from lookalike.types import Image, Visibility

_USUAL_LIMIT = 50
_COUNTED_AT_ONCE = 1000
_MOST_TOTALS = 1000
_OUTLINE_PAGE = 100
_MOST_OUTLINED = 150_000  # a page of two columns is then 13 million pixels high: browsers end at 17 million
_KEPT_OUTLINES = 4
_MANAGEMENT = ("unauthorized", "cross-site-request")

_Plain = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]+$")]


class UploadForm(Wire):
    """The fields beside the picture in an upload."""

    tags: SplitTags = Field(default=(), description="Repeated fields, or values separated by commas.", max_length=64)
    visibility: Visibility = Visibility.PUBLIC
    owner_id: Words | None = None
    name: str | None = Field(default=None, max_length=1024, description="Name to show instead of the file name.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    content: bytes
    name: str
    fields: UploadForm | UploadRequest
    url: str | None = None


class ImageRoutes:
    """The records of images."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._counted: tuple[CatalogState | None, dict[tuple[Visibility, str | None], int]] = (None, {})
        self._outlines: LRUCache[tuple[CatalogState, str, str | None], ImageOutline] = LRUCache(_KEPT_OUTLINES)
        self._outlining = threading.Lock()

    def add_to(self, app: FastAPI) -> None:
        """Make the app answer for images."""
        self._add_reading(app)
        self._add_changes(app)

    def _add_reading(self, app: FastAPI) -> None:
        app.get(
            "/v1/images",
            tags=["images"],
            operation_id="list_images",
            summary="List images, newest first",
            response_model=ImagePage,
            responses=documented("cursor-refused", "unauthorized", "forbidden", "invalid-request", "busy"),
        )(self.browse)
        app.get(
            "/v1/images/outline",
            tags=["images"],
            operation_id="list_shapes",
            summary="The shapes of all images that follow in the list",
            response_model=ImageOutline,
            responses=documented("cursor-refused", "invalid-request", "busy"),
        )(self.outline)
        app.get(
            "/v1/images/{image_id}",
            tags=["images"],
            operation_id="get_image",
            summary="One image's record",
            response_model=ImageRecord,
            responses=documented("unknown-image", "busy"),
        )(self.read)

    def _add_changes(self, app: FastAPI) -> None:
        app.post(
            "/v1/images",
            tags=["images"],
            operation_id="upload_image",
            summary="Upload an image",
            status_code=201,
            response_model=ImageRecord,
            responses={
                200: {"model": ImageRecord, "description": "The library has this image already"},
                **documented(
                "malformed-request", *_MANAGEMENT, "body-timeout", "body-too-large", "unsupported-media-type",
                "invalid-request", "image-refused", "busy", "environment", "storage-failed", "deadline-passed",
                ),
            },
            openapi_extra=body_of({"application/json": UploadRequest}, form=UploadForm),
        )(self.upload)  # fmt: skip
        app.patch(
            "/v1/images/{image_id}",
            tags=["images"],
            operation_id="update_image",
            summary="Change an image's tags, visibility or owner",
            response_model=ImageRecord,
            responses=documented(
                "malformed-request", *_MANAGEMENT, "unknown-image", "image-held", "unsupported-media-type",
                "invalid-request", "busy", "storage-failed",
            ),
            openapi_extra=body_of({"application/json": ImageChange}),
        )(self.change)  # fmt: skip
        app.delete(
            "/v1/images/{image_id}",
            tags=["images"],
            operation_id="delete_image",
            summary="Delete an image for good",
            status_code=204,
            responses=documented(*_MANAGEMENT, "unknown-image", "busy", "storage-failed"),
        )(self.delete)

    async def browse(
        self,
        request: Request,
        limit: Annotated[int, Query(ge=1, le=MOST_HITS)] = _USUAL_LIMIT,
        cursor: Annotated[_Plain | None, Query(description="`next_cursor` of the page before.")] = None,
        tag: Annotated[_Plain | None, Query(description="Only images that carry this tag.")] = None,
        visibility: Annotated[
            Visibility, Query(description="Values other than `public` require the admin token.")
        ] = Visibility.PUBLIC,
    ) -> Response:
        """Public images, newest first; with the admin token, also private or blocked ones."""
        if visibility is not Visibility.PUBLIC:
            self._state.admin.require_for_hidden(request)
        recorder = self._recorder(request)
        return await self._state.gates.reading.enter_and_run(  # a page's JSON takes as long as reading it
            lambda: json_answer(self._page(limit, cursor, tag, visibility, recorder))
        )

    async def outline(
        self,
        cursor: Annotated[_Plain, Query(description="`next_cursor` of a page of images, or of an outline.")],
        tag: Annotated[_Plain | None, Query(description="Only images that carry this tag.")] = None,
    ) -> Response:
        """Shapes of public images, newest first, so that a long list can be laid out before its records are read."""
        return await self._state.gates.reading.enter_and_run(lambda: json_answer(self._outline(cursor, tag)))

    async def upload(self, request: Request) -> Response:
        """Send `multipart/form-data` with the picture in `image`. Once answered, the image is stored and can be found.

        JSON with the picture in base64 is also accepted, and so is the picture itself as the body, with the form's
        fields as query parameters. The file's name is stored for display.

        Uploading known bytes changes nothing and answers 200 with the existing record. If that image is hidden from the
        client, the answer is the same as for a new image, and the image stays hidden. So it is for a new image that
        moderation hides. `awaits_review` says that all uploads of this client wait for review.
        """
        self._state.admin.require_for_changes(request)
        patience, uploads = patience_of(request), self._state.gates.uploads
        uploads.require_place()  # before the body is read
        received = await receive_picture(request)
        owner = self._state.admin.owner_of(request)
        with uploads.place():
            sent = await uploads.run_for(patience, partial(_sent, self._state, received))
            if sent.url is not None:
                content = await self._state.gates.fetching.enter_and_run(self._state.fetched, sent.url)
                sent = replace(sent, content=content)
            work = partial(_stored, self._state, sent, owner, untrusted=not self._state.admin.trusts(request))
            image, created = await uploads.run_for(patience, work)
        self._state.meters.model_runs.labels("upload").inc()
        if created:
            down = self._state.admin.written_down
            await self._state.gates.writing.enter_and_run(down, request, "image.upload", image.id)
        if image.visibility is not Visibility.PUBLIC and not self._state.admin.asks(request):
            image, created = _as_if_new(image, sent), True
        waits = created and self._state.settings.hold_untrusted and not self._state.admin.trusts(request)
        record = self._recorder(request)(image).model_copy(update={"awaits_review": waits})
        headers = {"Location": address(request, f"/v1/images/{image.id}")}
        return json_answer(record, status=201 if created else 200, headers=headers)

    async def read(self, request: Request, image_id: str) -> Response:
        """The record of a public image; with the admin token, of any image."""
        sees = self._state.admin.sees(request)
        image = await self._state.gates.reading.enter_and_run(self._image, image_id, sees)
        return json_answer(self._recorder(request)(image))

    async def change(self, request: Request, image_id: str) -> Response:
        """Absent or null fields keep their value. A hidden image disappears from results and pages immediately."""
        self._state.admin.require_for_changes(request)
        if media_type(request) != "application/json":
            raise unsupported(request, "application/json")
        change = await read_json(request, ImageChange, most_bytes=self._state.settings.max_json_bytes)
        work = partial(self._change, request, image_id, change)
        image = await self._state.gates.writing.enter_and_run(self._state.reserve.within, work)
        return json_answer(self._recorder(request)(image))

    async def delete(self, request: Request, image_id: str) -> Response:
        """The image disappears from results immediately, and indexing its folder again does not bring it back."""
        self._state.admin.require_for_changes(request)
        await self._state.gates.writing.enter_and_run(
            self._state.reserve.within, partial(self._delete, request, image_id)
        )
        return Response(status_code=204)

    def _recorder(self, request: Request) -> Callable[[Image], ImageRecord]:
        """A function that makes the records that this client may see."""
        return partial(ImageRecord.of, below=address(request, ""), for_owner=self._state.admin.may_change(request))

    def _page(
        self,
        limit: int,
        cursor: str | None,
        tag: str | None,
        visibility: Visibility,
        recorded: Callable[[Image], ImageRecord],
    ) -> ImagePage:
        page = self._state.services.catalog.images.browse(after=cursor, limit=limit, visibility=visibility, tag=tag)
        return ImagePage(
            images=tuple(recorded(image) for image in page.images),
            next_cursor=page.next,
            total=self._total(visibility, tag),
        )

    def _outline(self, cursor: str, tag: str | None) -> ImageOutline:
        """Kept while nothing changes: reading the sizes of 100,000 images takes a good part of a second."""
        key = (self._state.services.catalog.changes.state(), cursor, tag)
        with self._outlining:
            if key not in self._outlines:
                outline = self._state.services.catalog.images.outline(
                    after=cursor, limit=_MOST_OUTLINED, every=_OUTLINE_PAGE, tag=tag
                )
                self._outlines[key] = ImageOutline(
                    shapes=_shapes(outline.sizes),
                    every=_OUTLINE_PAGE,
                    cursors=tuple(outline.cursors),
                    next_cursor=outline.next,
                )
            return self._outlines[key]

    def _total(self, visibility: Visibility, tag: str | None) -> int:
        """Images on all pages. Counting reads tables, so it is done once a change."""
        state = self._state.services.catalog.changes.state()
        counted_at, totals = self._counted  # once: another thread may put a newer one in its place
        if counted_at != state or len(totals) >= _MOST_TOTALS:
            totals = {}
            self._counted = (state, totals)
        total = totals.get((visibility, tag))
        if total is None:
            total = (
                _all(self._state.services.catalog.counts(), visibility)
                if tag is None
                else self._tagged(visibility, tag)
            )
            totals[visibility, tag] = total
        return total

    def _tagged(self, visibility: Visibility, tag: str) -> int:
        total, after = 0, None
        while True:
            page = self._state.services.catalog.images.browse(
                after=after, limit=_COUNTED_AT_ONCE, visibility=visibility, tag=tag
            )
            total += len(page.images)
            after = page.next
            if after is None:
                return total

    def _image(self, image_id: str, visibility: Visibility | None) -> Image:
        return self._state.services.catalog.images.get(known_id(image_id), visibility=visibility)

    def _change(self, request: Request, image_id: str, change: ImageChange) -> Image:
        self._state.admin.require_own(request, known_id(image_id), new_owner=change.owner_id)
        image = self._state.services.catalog.images.update(
            known_id(image_id), visibility=change.visibility, tags=change.tags, owner_id=change.owner_id
        )
        if image.visibility is not Visibility.PUBLIC:
            self._state.thumbnails.forget(image.id)
        self._state.admin.written_down(request, "image.change", image.id, change.model_dump_json(exclude_none=True))
        return image

    def _delete(self, request: Request, image_id: str) -> None:
        self._state.admin.require_own(request, known_id(image_id))
        self._state.services.catalog.images.delete(known_id(image_id))
        self._state.thumbnails.forget(image_id)
        self._state.admin.written_down(request, "image.delete", image_id)


def _sent(state: State, received: ReceivedPicture) -> _Upload:
    if not received.is_json:
        form = received.parse(allowed=tuple(UploadForm.model_fields))
        named = checked(UploadForm, form.fields)
        return _Upload(content=form.content, name=named.name or form.file_name or "", fields=named)
    most = state.settings.max_json_bytes
    fields, content = received.parse_json(UploadRequest, most_other_bytes=most)
    return _Upload(content=content or b"", name=fields.name or "", fields=fields, url=fields.image_url)


def _stored(state: State, sent: _Upload, owner: str | None, *, untrusted: bool) -> tuple[Image, bool]:
    return state.services.indexer.add_upload(
        sent.content,
        name=sent.name,
        owner_id=owner or sent.fields.owner_id,
        tags=sent.fields.tags or (),
        visibility=sent.fields.visibility,
        untrusted=untrusted,
    )


def _all(counts: CatalogCounts, visibility: Visibility) -> int:
    """How many images of that visibility a list shows."""
    if visibility is Visibility.PUBLIC:
        return counts.public_readable
    return counts.private if visibility is Visibility.PRIVATE else counts.blocked


def _as_if_new(hidden: Image, sent: _Upload) -> Image:
    """What an upload of these bytes would be without the hidden record, of which nothing is told."""
    return replace(
        hidden,
        source=None,
        upload_name=display_name(sent.name),
        owner_id=sent.fields.owner_id,
        tags=tuple(dict.fromkeys(sent.fields.tags or ())),
        visibility=sent.fields.visibility,
        blurred=False,
        uploaded_at=datetime.now(UTC),
    )


def _shapes(sizes: list[tuple[int, int]]) -> str:
    """`ImageOutline.shapes` of widths and heights."""
    width, height = np.maximum(np.array(sizes, dtype=np.float64).reshape(-1, 2), 1.0).T
    steps = (np.log2(height / width) + 2.0) * (255 / 4)
    return base64.b64encode(np.clip(np.floor(steps + 0.5), 0, 255).astype(np.uint8).tobytes()).decode("ascii")


def known_id(image_id: str) -> str:
    """An id as images have them; what cannot be one is as unknown as one that is not there.

    Raises:
        UnknownImage: it is not 32 hex digits.
    """
    if len(image_id) == 32 and set(image_id) <= set("0123456789abcdef"):  # noqa: PLR2004 - as `content_id` makes them
        return image_id
    raise UnknownImage.of(image_id)
