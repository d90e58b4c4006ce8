"""`/v1/duplicates`: the copies that were found, looking for more, and hiding or deleting them."""

import re
import threading
from functools import partial
from typing import Annotated

from cachetools import LRUCache
from fastapi import FastAPI, Query
from starlette.requests import Request
from starlette.responses import Response

from lookalike.catalog import CatalogState
from lookalike.duplicates import CopyGroup, Sureness
from lookalike.errors import CursorRefused
from lookalike.library.copy_search import FoundCopies, Keep
from lookalike.library.duplicates import change_copy, warnings_of
from lookalike.serving.answers import json_answer
from lookalike.serving.bodies import media_type, read_json, unsupported
from lookalike.serving.copies import (
    MOST_GROUPS,
    CopySearchRecord,
    DuplicatesChange,
    DuplicatesChanged,
    DuplicatesPage,
    copies_to_change,
    group_record,
)
from lookalike.serving.documentation import body_of
from lookalike.serving.problems import documented
from lookalike.serving.proxies import address
from lookalike.serving.state import State
from lookalike.serving.wire import ImageRecord

_USUAL_LIMIT = 20
_CURSOR = re.compile(r"([0-9]{1,9})-([0-9a-f]{32})")
_KEPT = 4  # lists of groups: one for each choice that somebody looks at
_MANAGEMENT = ("unauthorized", "cross-site-request")

_Key = tuple[CatalogState, object, Keep, Sureness]


class DuplicateRoutes:
    """Copies: reading is open to everybody who may search, changing is not."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._known: LRUCache[_Key, FoundCopies] = LRUCache(_KEPT)
        self._looking = threading.Lock()

    def add_to(self, app: FastAPI) -> None:
        """Make the app answer for copies."""
        app.get(
            "/v1/duplicates",
            tags=["duplicates"],
            operation_id="list_duplicates",
            summary="List groups of copies, the largest first",
            response_model=DuplicatesPage,
            responses=documented("cursor-refused", "invalid-request", "busy", "environment"),
        )(self.browse)
        app.post(
            "/v1/duplicates/search",
            tags=["duplicates"],
            operation_id="search_duplicates",
            summary="Look for copies among the images that were not compared yet",
            status_code=202,
            response_model=CopySearchRecord,
            responses=documented(*_MANAGEMENT, "busy", "environment"),
        )(self.search)
        app.post(
            "/v1/duplicates",
            tags=["duplicates"],
            operation_id="change_duplicates",
            summary="Hide or delete copies",
            response_model=DuplicatesChanged,
            responses=documented(
                "malformed-request", *_MANAGEMENT, "unsupported-media-type", "body-too-large", "invalid-request",
                "busy", "environment", "storage-failed",
            ),
            openapi_extra=body_of({"application/json": DuplicatesChange}),
        )(self.change)  # fmt: skip

    async def browse(
        self,
        request: Request,
        keep: Annotated[Keep, Query(description="Which image of each group stays.")] = "largest",
        sure: Annotated[Sureness, Query(description="Only copies that are at least so sure.")] = Sureness.LIKELY,
        limit: Annotated[int, Query(ge=1, le=MOST_GROUPS)] = _USUAL_LIMIT,
        cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.", max_length=64)] = None,
    ) -> Response:
        """Copies among public images, as the last search found them. Images that were hidden since are left out."""
        page = await self._state.gates.reading.enter_and_run(self._page, request, keep, sure, limit, cursor)
        return json_answer(page)

    async def search(self, request: Request) -> Response:
        """The search runs beside answering, and what it found can be read meanwhile.

        Only images that are new since the last search are compared with all others. Where a search is at work already,
        this changes nothing.
        """
        self._state.admin.require_for_changes(request)
        self._state.copies.start()
        return json_answer(await self._state.gates.reading.enter_and_run(self._how_far), status=202)

    async def change(self, request: Request) -> Response:
        """Hiding makes images private, deleting takes them out of the library; files are never touched.

        Only images that were found to be copies of the image that stays beside them are changed. `PATCH` shows a
        hidden image again.
        """
        self._state.admin.require_for_changes(request)
        if media_type(request) != "application/json":
            raise unsupported(request, "application/json")
        chosen = await read_json(request, DuplicatesChange, most_bytes=self._state.settings.max_json_bytes)
        return json_answer(await self._state.gates.writing.enter_and_run(self._change, request, chosen))

    def _page(self, request: Request, keep: Keep, sure: Sureness, limit: int, cursor: str | None) -> DuplicatesPage:
        found = self._found(keep, sure)
        behind = _behind(cursor)
        left = [group for group in found.groups if behind is None or _place(group) > behind]
        shown = left[:limit]
        below, for_owner = address(request, ""), self._state.admin.may_change(request)
        record_of = {
            one: ImageRecord.of(found.images[one], below, for_owner=for_owner)
            for group in shown
            for one in (group.kept, *group.copies)
        }
        return DuplicatesPage(
            groups=tuple(group_record(group, record_of) for group in shown),
            total=len(found.groups),
            copies=sum(len(group.copies) for group in found.groups),
            next_cursor=_cursor(shown[-1]) if len(left) > len(shown) else None,
            search=self._how_far(found),
        )

    def _how_far(self, found: FoundCopies | None = None) -> CopySearchRecord:
        found = found or self._found("largest", Sureness.LIKELY)
        return CopySearchRecord(
            running=self._state.copies.running,
            compared=found.compared,
            images=found.public,
            fault=self._state.copies.fault,
            notes=warnings_of(found),
        )

    def _found(self, keep: Keep, sure: Sureness) -> FoundCopies:
        """What was found, read anew where the library or the search went on."""
        search = self._state.copies.search
        key = (self._state.services.catalog.changes.state(), search.version(), keep, sure)
        with self._looking:
            if key not in self._known:
                self._known[key] = search.found(keep=keep, least=sure)
            return self._known[key]

    def _change(self, request: Request, chosen: DuplicatesChange) -> DuplicatesChanged:
        found = self._found("largest", Sureness.LIKELY)
        answer = copies_to_change(chosen, found.images.keys(), self._state.copies.search.copies_of())
        if chosen.dry_run:
            return answer
        catalog, actor = self._state.services.catalog, self._state.admin.actor(request)
        changed = []
        for image_id in answer.changed:
            work = partial(change_copy, catalog, image_id, delete=chosen.action == "delete", actor=actor)
            if self._state.reserve.within(work):
                self._state.thumbnails.forget(image_id)
                changed.append(image_id)
        return answer.model_copy(update={"changed": tuple(changed)})


def _place(group: CopyGroup) -> tuple[int, str]:
    """Where a group stands in the list, which goes on behind a place whether or not its group is still there."""
    return -len(group.copies), group.kept


def _cursor(group: CopyGroup) -> str:
    return f"{len(group.copies)}-{group.kept}"


def _behind(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    parts = _CURSOR.fullmatch(cursor)
    if parts is None:
        raise CursorRefused("the cursor is damaged: send next_cursor back exactly as it came")
    return -int(parts[1]), parts[2]
