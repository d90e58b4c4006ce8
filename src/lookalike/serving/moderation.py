"""`/v1/moderation`: images that wait for review, and decisions about them."""

from functools import partial
from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from lookalike.serving.answers import json_answer
from lookalike.serving.bodies import media_type, read_json, unsupported
from lookalike.serving.documentation import body_of
from lookalike.serving.problems import documented
from lookalike.serving.proxies import address
from lookalike.serving.state import State
from lookalike.serving.wire import (
    MOST_DECIDED,
    ImageRecord,
    ReviewDecided,
    ReviewDecision,
    ReviewQueue,
    ReviewRecord,
)
from lookalike.types import ModerationState

_USUAL_LIMIT = 30

_Cursor = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[!-~]+$")]


class ModerationRoutes:
    """The review queue: for keys with the scope `admin`, and for the admin token."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add_to(self, app: FastAPI) -> None:
        """Make the app answer for moderation."""
        app.get(
            "/v1/moderation",
            tags=["moderation"],
            operation_id="list_moderated",
            summary="List images that wait for review",
            response_model=ReviewQueue,
            responses=documented("cursor-refused", "unauthorized", "forbidden", "invalid-request", "busy"),
        )(self.queue)
        app.post(
            "/v1/moderation",
            tags=["moderation"],
            operation_id="decide_moderated",
            summary="Show, blur, block or hold images",
            response_model=ReviewDecided,
            responses=documented(
                "malformed-request", "unauthorized", "forbidden", "cross-site-request", "unknown-image",
                "body-too-large", "unsupported-media-type", "invalid-request", "busy", "storage-failed",
            ),
            openapi_extra=body_of({"application/json": ReviewDecision}),
        )(self.decide)  # fmt: skip

    async def queue(
        self,
        request: Request,
        state: Annotated[ModerationState, Query(description="Which images to list.")] = ModerationState.HELD,
        limit: Annotated[int, Query(ge=1, le=MOST_DECIDED)] = _USUAL_LIMIT,
        cursor: Annotated[_Cursor | None, Query(description="`next_cursor` of the page before.")] = None,
    ) -> Response:
        """Those that have had the state for longest first. Their pixels are at their `content_url`, for reviewers."""
        self._state.admin.require_for_hidden(request)
        work = partial(self._queue, state, limit, cursor, address(request, ""))
        return json_answer(await self._state.gates.reading.enter_and_run(work))

    async def decide(self, request: Request) -> Response:
        """A decision holds at once, everywhere, and for the same bytes when they come again. It can be changed.

        The audit log says who decided what, and when.
        """
        self._state.admin.require_for_hidden(request)
        if media_type(request) != "application/json":
            raise unsupported(request, "application/json")
        decision = await read_json(request, ReviewDecision, most_bytes=self._state.settings.max_json_bytes)
        work = partial(self._decide, request, decision)
        return json_answer(await self._state.gates.writing.enter_and_run(self._state.reserve.within, work))

    def _queue(self, state: ModerationState, limit: int, cursor: str | None, below: str) -> ReviewQueue:
        moderation = self._state.services.catalog.moderation
        page = moderation.page(state, after=cursor, limit=limit)
        return ReviewQueue(
            images=tuple(
                ReviewRecord.of(ImageRecord.of(image, below, for_owner=True), about) for image, about in page.entries
            ),
            next_cursor=page.next,
            counts=moderation.counts(),
        )

    def _decide(self, request: Request, decision: ReviewDecision) -> ReviewDecided:
        catalog, below = self._state.services.catalog, address(request, "")
        actor = self._state.admin.actor(request)
        catalog.moderation.decide(decision.images, decision.state, actor=actor, note=decision.note)
        if decision.state.hides:
            for image_id in decision.images:
                self._state.thumbnails.forget(image_id)
        known, images = catalog.moderation.get(decision.images), catalog.images.get_many(decision.images)
        return ReviewDecided(
            images=tuple(
                ReviewRecord.of(ImageRecord.of(image, below, for_owner=True), known[one])
                for one, image in images.items()
            ),
            counts=catalog.moderation.counts(),
        )
