"""`/v1/images`: list, upload, look at, change and delete."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import BeforeValidator, Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from lookalike.catalog import CatalogState
from lookalike.errors import UnknownImage
from lookalike.serving.answers import json_answer
from lookalike.serving.bodies import checked, media_type, read_json, read_picture_form, unsupported
from lookalike.serving.documentation import body_of
from lookalike.serving.problems import documented
from lookalike.serving.proxies import address
from lookalike.serving.state import State
from lookalike.serving.wire import MOST_HITS, ImageChange, ImagePage, ImageRecord, Tags, Wire, Words
from lookalike.types import Image, Visibility

_USUAL_LIMIT = 50
_COUNTED_AT_ONCE = 1000
_MOST_TOTALS = 1000
_MANAGEMENT = ("unauthorized", "cross-site-request")

_Plain = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]+$")]


def _split_tags(text: object) -> object:
    """`shoe, brown` -> `("shoe", "brown")`."""
    return tuple(tag for tag in text.split(",") if tag.strip()) if isinstance(text, str) else text


class UploadFields(Wire):
    """The fields beside the picture in an upload."""

    tags: Annotated[Tags, BeforeValidator(_split_tags, json_schema_input_type=str)] = Field(
        default=(), description="Separated by commas."
    )
    visibility: Visibility = Visibility.PUBLIC
    owner_id: Words | None = None


class ImageRoutes:
    """The records of images."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._counted: tuple[CatalogState | None, dict[tuple[Visibility, str | None], int]] = (None, {})

    def add_to(self, app: FastAPI) -> None:
        """Make the app answer for images."""
        app.get(
            "/v1/images",
            tags=["images"],
            summary="List images, newest first",
            response_model=ImagePage,
            responses=documented("cursor-refused", "unauthorized", "forbidden", "invalid-request", "busy"),
        )(self.browse)
        app.post(
            "/v1/images",
            tags=["images"],
            summary="Upload an image",
            status_code=201,
            response_model=ImageRecord,
            responses={
                200: {"model": ImageRecord, "description": "The library has this image already"},
                **documented(
                "malformed-request", *_MANAGEMENT, "body-timeout", "body-too-large", "unsupported-media-type",
                "invalid-request", "image-refused", "busy", "environment", "storage-failed",
                ),
            },
            openapi_extra=body_of({}, form=UploadFields),
        )(self.upload)  # fmt: skip
        app.get(
            "/v1/images/{image_id}",
            tags=["images"],
            summary="One image's record",
            response_model=ImageRecord,
            responses=documented("unknown-image", "busy"),
        )(self.read)
        app.patch(
            "/v1/images/{image_id}",
            tags=["images"],
            summary="Change an image's tags, visibility or owner",
            response_model=ImageRecord,
            responses=documented(
                "malformed-request", *_MANAGEMENT, "unknown-image", "unsupported-media-type", "invalid-request", "busy",
                "storage-failed",
            ),
            openapi_extra=body_of({"application/json": ImageChange}),
        )(self.change)  # fmt: skip
        app.delete(
            "/v1/images/{image_id}",
            tags=["images"],
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
            Visibility, Query(description="Others than public need the admin token.")
        ] = Visibility.PUBLIC,
    ) -> Response:
        """Public images; with the admin token, private or blocked ones on request."""
        if visibility is not Visibility.PUBLIC:
            self._state.admin.require_for_hidden(request)
        page = await self._state.gates.reading.enter_and_run(
            self._page, limit, cursor, tag, visibility, self._recorder(request)
        )
        return json_answer(page)

    async def upload(self, request: Request) -> Response:
        """Send `multipart/form-data` with the picture in `image`. Once answered, it is on disk and is found.

        Uploading bytes that the library has changes nothing and answers 200 with the record as it is.
        """
        self._state.admin.require_for_changes(request)
        with self._state.gates.model.place():
            form = await read_picture_form(request, allowed=tuple(UploadFields.model_fields))
            fields = checked(UploadFields, form.fields)
            image, created = await self._state.gates.model.run(
                self._state.services.indexer.add_upload,
                form.content,
                name=form.name,
                owner_id=fields.owner_id,
                tags=fields.tags,
                visibility=fields.visibility,
            )
        if created:
            self._state.meters.model_runs.labels("upload").inc()
        headers = {"Location": address(request, f"/v1/images/{image.id}")}
        return json_answer(self._recorder(request)(image), status=201 if created else 200, headers=headers)

    async def read(self, request: Request, image_id: str) -> Response:
        """The record of a public image; with the admin token, of any."""
        image = await self._state.gates.reading.enter_and_run(self._image, image_id)
        self._state.admin.require_visible(request, image)
        return json_answer(self._recorder(request)(image))

    async def change(self, request: Request, image_id: str) -> Response:
        """Fields that are absent or null stay as they are. A hidden image leaves results and pages at once."""
        self._state.admin.require_for_changes(request)
        if media_type(request) != "application/json":
            raise unsupported(request, "application/json")
        change = await read_json(request, ImageChange, most_bytes=self._state.settings.max_json_bytes)
        image = await self._state.gates.writing.enter_and_run(self._change, image_id, change)
        return json_answer(self._recorder(request)(image))

    async def delete(self, request: Request, image_id: str) -> Response:
        """The image leaves results at once, and indexing its folder again does not bring it back."""
        self._state.admin.require_for_changes(request)
        await self._state.gates.writing.enter_and_run(self._delete, image_id)
        return Response(status_code=204)

    def _recorder(self, request: Request) -> Callable[[Image], ImageRecord]:
        """Makes the records that whoever asks may see."""
        return partial(ImageRecord.of, below=address(request, ""), for_owner=self._state.admin.may_change(request))

    def _page(
        self,
        limit: int,
        cursor: str | None,
        tag: str | None,
        visibility: Visibility,
        recorded: Callable[[Image], ImageRecord],
    ) -> ImagePage:
        page = self._state.services.catalog.browse(after=cursor, limit=limit, visibility=visibility, tag=tag)
        return ImagePage(
            images=tuple(recorded(image) for image in page.images),
            next_cursor=page.next,
            total=self._total(visibility, tag),
        )

    def _total(self, visibility: Visibility, tag: str | None) -> int:
        """Images on all pages. Counting reads tables, so it is done once a change."""
        state = self._state.services.catalog.state()
        counted_at, totals = self._counted  # once: another thread may put a newer one in its place
        if counted_at != state or len(totals) >= _MOST_TOTALS:
            totals = {}
            self._counted = (state, totals)
        total = totals.get((visibility, tag))
        if total is None:
            total = self._all(visibility) if tag is None else self._tagged(visibility, tag)
            totals[visibility, tag] = total
        return total

    def _all(self, visibility: Visibility) -> int:
        counts = self._state.services.catalog.counts()
        if visibility is Visibility.PUBLIC:
            return max(counts.public - counts.unreadable, 0)  # whoever hides an image hides one that can be seen
        return counts.private if visibility is Visibility.PRIVATE else counts.blocked

    def _tagged(self, visibility: Visibility, tag: str) -> int:
        total, after = 0, None
        while True:
            page = self._state.services.catalog.browse(
                after=after, limit=_COUNTED_AT_ONCE, visibility=visibility, tag=tag
            )
            total += len(page.images)
            after = page.next
            if after is None:
                return total

    def _image(self, image_id: str) -> Image:
        return self._state.services.catalog.image(known_id(image_id))

    def _change(self, image_id: str, change: ImageChange) -> Image:
        image = self._state.services.catalog.update_image(
            known_id(image_id), visibility=change.visibility, tags=change.tags, owner_id=change.owner_id
        )
        if image.visibility is not Visibility.PUBLIC:
            self._state.thumbnails.forget(image.id)
        return image

    def _delete(self, image_id: str) -> None:
        self._state.services.catalog.delete_image(known_id(image_id))
        self._state.thumbnails.forget(image_id)


def known_id(image_id: str) -> str:
    """An id as images have them; what cannot be one is unknown without asking the catalog.

    Raises:
        UnknownImage: it is not 32 hex digits.
    """
    if len(image_id) == 32 and set(image_id) <= set("0123456789abcdef"):  # noqa: PLR2004 - as `content_id` makes them
        return image_id
    raise UnknownImage("no image of that id in this library: ids are 32 hex digits")
