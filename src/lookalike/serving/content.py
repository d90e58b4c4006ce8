"""`/v1/images/{id}/content`: the bytes as they came, or a thumbnail."""

import os
from functools import partial
from typing import Annotated, BinaryIO
from urllib.parse import quote

from fastapi import FastAPI, Query
from starlette.requests import Request
from starlette.responses import Response

from lookalike.errors import ImageRefused, UnknownImage
from lookalike.preprocessing import THUMBNAIL_MEDIA_TYPE, thumbnail
from lookalike.serving.answers import BRIEFLY, REVALIDATE, is_known
from lookalike.serving.images import known_id
from lookalike.serving.patience import patience_of
from lookalike.serving.problems import documented, refused
from lookalike.serving.state import State
from lookalike.serving.streaming import StreamedFile, requested_part
from lookalike.serving.thumbnails import ThumbnailSize
from lookalike.serving.wire import one_line, source_name
from lookalike.types import Image, Visibility

_EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/bmp": "bmp",
    "image/tiff": "tif",
    "image/avif": "avif",
    "image/heic": "heic",
    "image/heif": "heif",
}
"""The types that browsers show as pictures and never run; anything else is only ever downloaded."""

_SENT = ("application/octet-stream", *_EXTENSIONS)


class ContentRoutes:
    """Pixels for people."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add_to(self, app: FastAPI) -> None:
        """Make the app serve pictures."""
        app.get(
            "/v1/images/{image_id}/content",
            tags=["images"],
            operation_id="get_image_content",
            summary="The image's bytes, or a thumbnail of it",
            response_class=Response,
            responses={
                200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _SENT}},
                206: {"description": "The part of an original that `Range` asks for"},
                304: {"description": "The client has it: its If-None-Match names the ETag"},
                **documented(
                    "unknown-image",
                    "content-missing",
                    "range-not-satisfiable",
                    "invalid-request",
                    "busy",
                    "deadline-passed",
                ),
            },
        )(self.content)

    async def content(
        self,
        request: Request,
        image_id: str,
        size: Annotated[
            ThumbnailSize | None,
            Query(description="Maximum length of the longer side; without it, the original bytes are sent."),
        ] = None,
    ) -> Response:
        """A browser may reuse a thumbnail for a minute without asking; an original must be revalidated each time."""
        sees = self._state.admin.sees(request)
        image, kept = await self._state.gates.reading.enter_and_run(self._look_up, image_id, size, sees)
        etag = f'"{image.id}"' if size is None else f'"{image.id}-{size.value}"'
        brief = size is not None and image.visibility is Visibility.PUBLIC
        headers = {"ETag": etag, "Cache-Control": BRIEFLY if brief else REVALIDATE}
        if is_known(request, etag):
            return Response(status_code=304, headers=headers)
        if size is None:
            return await self._send_original(request, image, headers)
        self._state.meters.thumbnails.labels("miss" if kept is None else "hit").inc()
        if kept is None:
            patience, gate = patience_of(request), self._state.gates.thumbnails
            with gate.place():
                kept = await gate.run_for(patience, partial(self._make_thumbnail, image, size))
            await self._require_still_visible(request, image)
        return Response(kept, headers=headers, media_type=THUMBNAIL_MEDIA_TYPE)

    async def _send_original(self, request: Request, image: Image, headers: dict[str, str]) -> Response:
        files = self._state.gates.files
        file = await files.enter_and_run(self._open_original, image)
        try:
            await self._require_still_visible(request, image)
            size = file.seek(0, os.SEEK_END)
            part = requested_part(request, size=size, etag=headers["ETag"])
        except BaseException:
            file.close()
            raise
        return StreamedFile(
            file,
            size=size,
            part=part,
            read=files.enter_and_run,
            headers={**headers, "Content-Disposition": _disposition(image)},
            media_type=image.media_type if image.media_type in _EXTENSIONS else "application/octet-stream",
        )

    def _look_up(
        self, image_id: str, size: ThumbnailSize | None, visibility: Visibility | None
    ) -> tuple[Image, bytes | None]:
        """The record, always from the catalog, and the thumbnail where one is kept."""
        kept = None if size is None else self._state.thumbnails.get(known_id(image_id), size)
        return self._state.services.catalog.images.get(known_id(image_id), visibility=visibility), kept

    async def _require_still_visible(self, request: Request, image: Image) -> None:
        """Look at the record once more: it may have been hidden or deleted while its pixels were read or made small.

        Whoever hides an image forgets its thumbnails after that; one that was kept still later is forgotten here.
        """
        look_up, sees = self._state.services.catalog.images.get, self._state.admin.sees(request)
        try:
            now = await self._state.gates.reading.enter_and_run(look_up, image.id, visibility=sees)
        except UnknownImage:
            self._state.thumbnails.forget(image.id)
            raise
        if now.visibility is not Visibility.PUBLIC:
            self._state.thumbnails.forget(image.id)

    def _open_original(self, image: Image) -> BinaryIO:
        try:
            return self._state.services.catalog.images.open_content(image.id)
        except ImageRefused as gone:
            raise refused("content-missing", gone.message) from None

    def _make_thumbnail(self, image: Image, size: ThumbnailSize) -> bytes:
        with self._open_original(image) as file:
            original = file.read()
        name = source_name(image) or image.id
        try:
            small = thumbnail(original, size=size.value, name=name, limits=self._state.settings.picture_limits)
        except ImageRefused as unreadable:
            raise refused("content-missing", f"no thumbnail can be made: {unreadable.message}") from None
        self._state.thumbnails.put(image.id, size, small)
        return small


def _disposition(image: Image) -> str:
    extension = _EXTENSIONS.get(image.media_type)
    name = one_line(source_name(image) or f"{image.id}.{extension or 'bin'}", most=200)
    shown = "attachment" if extension is None else "inline"
    plain = "".join(letter if letter.isascii() and letter not in '"\\' else "_" for letter in name)
    return f"{shown}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
