"""`POST /v1/events`: what people saw, clicked and stayed with."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from lookalike.errors import EventRefused
from lookalike.serving.answers import json_answer
from lookalike.serving.bodies import media_type, read_json, unsupported
from lookalike.serving.documentation import body_of
from lookalike.serving.problems import documented, refused
from lookalike.serving.state import State
from lookalike.serving.wire import EventBatch, EventReceipt
from lookalike.types import Interaction

_TAKEN = ("application/json", "text/plain")  # `navigator.sendBeacon` sends strings as text/plain
_MOST_REFUSED = 20


class EventRoutes:
    """Impressions, clicks and dwells."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add_to(self, app: FastAPI) -> None:
        """Make the app take events."""
        app.post(
            "/v1/events",
            tags=["events"],
            operation_id="send_events",
            summary="Report what people saw and clicked",
            response_model=EventReceipt,
            responses=documented(
                "malformed-request", "cross-site-request", "body-too-large", "unsupported-media-type",
                "invalid-request", "event-refused", "busy", "storage-failed",
            ),
            openapi_extra=body_of({"application/json": EventBatch}),
        )(self.report)  # fmt: skip

    async def report(self, request: Request) -> Response:
        """Sending an event again changes nothing: `event_id` names it.

        Events of a query or an image that is not known are refused by index with 422 `event-refused`; the others of
        their batch are stored. A batch with a malformed event is not stored at all.
        """
        if media_type(request) not in _TAKEN:
            raise unsupported(request, ", ".join(_TAKEN))
        batch = await read_json(request, EventBatch, most_bytes=self._state.settings.max_json_bytes)
        receipt = await self._state.gates.writing.enter_and_run(self._store, batch)
        return json_answer(receipt)

    def _store(self, batch: EventBatch) -> EventReceipt:
        now = datetime.now(UTC)
        interactions = [event.interaction(now) for event in batch.events]
        for kind, count in Counter(event.kind for event in batch.events).items():
            self._state.meters.events.labels(kind.value).inc(count)
        try:
            stored = self._state.services.catalog.interactions.write(interactions)
        except EventRefused:
            self._state.services.engine.flush()  # a click may be quicker than the journal that its query waits in
            stored = self._store_what_can_be(interactions)
        self._state.meters.events_stored.inc(stored)
        return EventReceipt(stored=stored, already_known=len(interactions) - stored)

    def _store_what_can_be(self, interactions: Sequence[Interaction]) -> int:
        stored, refusals = self._divide(interactions, first=0)
        if not refusals:
            return stored
        self._state.meters.events_stored.inc(stored)
        errors = [{"field": f"events[{index}]", "message": message} for index, message in refusals[:_MOST_REFUSED]]
        detail = (
            f"{len(refusals)} of {len(interactions)} events were refused, the others are stored; {errors[0]['message']}"
        )
        raise refused("event-refused", detail, errors=errors)

    def _divide(self, interactions: Sequence[Interaction], *, first: int) -> tuple[int, list[tuple[int, str]]]:
        """Store all but the refused ones, which halving finds.

        Returns:
            How many were new, and the index and reason of each refused one.
        """
        try:
            return self._state.services.catalog.interactions.write(interactions), []
        except EventRefused as refusal:
            if len(interactions) == 1:
                return 0, [(first, str(refusal))]
        middle = len(interactions) // 2
        stored, refusals = self._divide(interactions[:middle], first=first)
        more_stored, more_refusals = self._divide(interactions[middle:], first=first + middle)
        return stored + more_stored, refusals + more_refusals
