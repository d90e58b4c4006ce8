"""`/v1/collections`: named sets of images, which searches can be limited to."""

from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from lookalike.serving.answers import json_answer
from lookalike.serving.bodies import media_type, read_json, unsupported
from lookalike.serving.documentation import body_of
from lookalike.serving.problems import documented, refused
from lookalike.serving.proxies import address
from lookalike.serving.state import State
from lookalike.serving.wire import (
    MOST_HITS,
    CollectionChange,
    CollectionList,
    CollectionPage,
    CollectionRecord,
    ImageRecord,
)
from lookalike.types import Visibility

_USUAL_LIMIT = 50
_CHANGES = ("unauthorized", "cross-site-request", "storage-failed")

_ImageId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class CollectionRoutes:
    """Collections and what is in them. Of images that are not public nothing is told, not even how many there are."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add_to(self, app: FastAPI) -> None:
        """Make the app answer for collections."""
        app.get(
            "/v1/collections",
            tags=["collections"],
            operation_id="list_collections",
            summary="List collections",
            response_model=CollectionList,
            responses=documented("busy"),
        )(self.list)
        app.get(
            "/v1/collections/{name}",
            tags=["collections"],
            operation_id="get_collection",
            summary="The images of a collection",
            response_model=CollectionPage,
            responses=documented("bad-request", "invalid-request", "busy"),
        )(self.read)
        app.patch(
            "/v1/collections/{name}",
            tags=["collections"],
            operation_id="change_collection",
            summary="Put images into a collection, or take them out",
            response_model=CollectionRecord,
            responses=documented(
                "malformed-request", "bad-request", *_CHANGES, "unknown-image", "unsupported-media-type",
                "invalid-request", "busy",
            ),
            openapi_extra=body_of({"application/json": CollectionChange}),
        )(self.change)  # fmt: skip
        app.delete(
            "/v1/collections/{name}",
            tags=["collections"],
            operation_id="delete_collection",
            summary="Forget a collection",
            status_code=204,
            responses=documented("bad-request", *_CHANGES, "busy"),
        )(self.delete)

    async def list(self) -> Response:
        """Every collection, with how many public images it has."""
        return json_answer(await self._state.gates.reading.enter_and_run(self._list))

    async def read(
        self,
        request: Request,
        name: str,
        limit: Annotated[int, Query(ge=1, le=MOST_HITS)] = _USUAL_LIMIT,
        cursor: Annotated[_ImageId | None, Query(description="`next_cursor` of the page before.")] = None,
    ) -> Response:
        """Its public images, in order of id."""
        may_change = self._state.admin.may_change(request)
        below = address(request, "")

        def page() -> CollectionPage:
            images = self._state.services.catalog.collections.images(name, after=cursor or "", limit=limit + 1)
            return CollectionPage(
                name=name,
                images=tuple(ImageRecord.of(image, below, for_owner=may_change) for image in images[:limit]),
                next_cursor=images[limit - 1].id if len(images) > limit else None,
            )

        return json_answer(await self._state.gates.reading.enter_and_run(page))

    async def change(self, request: Request, name: str) -> Response:
        """A collection is made by putting the first images into it. All changes of a request are made, or none."""
        self._require_for_changes(request)
        if media_type(request) != "application/json":
            raise unsupported(request, "application/json")
        change = await read_json(request, CollectionChange, most_bytes=self._state.settings.max_json_bytes)
        sees = self._state.admin.sees(request)
        return json_answer(await self._state.gates.writing.enter_and_run(self._change, request, name, change, sees))

    async def delete(self, request: Request, name: str) -> Response:
        """Its images stay in the library."""
        self._require_for_changes(request)
        await self._state.gates.writing.enter_and_run(self._delete, request, name)
        return Response(status_code=204)

    def _require_for_changes(self, request: Request) -> None:
        self._state.admin.require_for_changes(request)
        if self._state.admin.owner_of(request) is not None:
            raise refused("forbidden", "a key that acts for an owner cannot change collections: they are the library's")

    def _delete(self, request: Request, name: str) -> None:
        self._state.services.catalog.collections.drop(name)
        self._state.admin.written_down(request, "collection.delete", name)

    def _list(self) -> CollectionList:
        found = self._state.services.catalog.collections.list()
        return CollectionList(collections=tuple(CollectionRecord.of(one) for one in found))

    def _change(
        self, request: Request, name: str, change: CollectionChange, sees: Visibility | None
    ) -> CollectionRecord:
        collections = self._state.services.catalog.collections
        collections.change(name, add=change.add, remove=change.remove, visibility=sees)
        details = f"{len(change.add)} added, {len(change.remove)} removed"
        self._state.admin.written_down(request, "collection.change", name, details)
        found = {one.name: one for one in collections.list()}
        return CollectionRecord.of(found[name])
