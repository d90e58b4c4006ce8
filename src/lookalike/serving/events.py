"""`POST /v1/events`: what people saw, clicked and stayed with; and forgetting it by person."""

from collections import Counter
from datetime import UTC, datetime

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from lookalike.catalog import RefusedEvent, WrittenEvents
from lookalike.serving.answers import json_answer
from lookalike.serving.bodies import media_type, read_body, unsupported
from lookalike.serving.documentation import body_of
from lookalike.serving.event_batches import Batch, read_batch
from lookalike.serving.problems import as_members, documented, refused
from lookalike.serving.state import State
from lookalike.serving.wire import EventBatch, EventReceipt, EventsForgotten, FieldError

_TAKEN = ("application/json", "text/plain")  # `navigator.sendBeacon` sends strings as text/plain


class EventRoutes:
    """Impressions, clicks, dwells, and images that were saved or called not similar."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add_to(self, app: FastAPI) -> None:
        """Make the app take events, and forget them."""
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
        app.delete(
            "/v1/people/{person}/events",
            tags=["events"],
            operation_id="forget_events",
            summary="Delete every event of a user, client or session",
            response_model=EventsForgotten,
            responses=documented("unauthorized", "cross-site-request", "busy", "storage-failed"),
        )(self.forget)

    async def report(self, request: Request) -> Response:
        """Sending an event again changes nothing: `event_id` names it.

        Each event is in the short form or in that of User Behavior Insights, and may come late and in any order. Those
        that are malformed, or about a query that is not known or an image that it did not show, are refused with 422
        `event-refused`: `errors` lists them by index, each with its `reason`; all others of their batch are stored.
        """
        if media_type(request) not in _TAKEN:
            raise unsupported(request, ", ".join(_TAKEN))
        body = await read_body(request, most_bytes=self._state.settings.max_json_bytes)
        receipt = await self._state.gates.events.enter_and_run(self._store, body)
        return json_answer(receipt)

    async def forget(self, request: Request, person: str) -> Response:
        """`person` is a `user_id`, a `client_id` or a `session_id`. For those who may change the library."""
        self._state.admin.require_for_changes(request)
        forget = self._state.services.catalog.interactions.forget_person
        forgotten = await self._state.gates.writing.enter_and_run(forget, person)
        return json_answer(EventsForgotten(forgotten=forgotten))

    def _store(self, body: bytes) -> EventReceipt:
        batch = read_batch(body, datetime.now(UTC))
        for kind, count in Counter(event.kind for event in batch.interactions).items():
            self._state.meters.events.labels(kind.value).inc(count)
        written = self._write(batch)
        self._state.meters.events_stored.inc(written.stored)
        errors = batch.errors | {batch.numbers[one.number]: _error(one, batch) for one in written.refused}
        if not errors:
            return EventReceipt(stored=written.stored, already_known=written.already_known)
        listed = [errors[number] for number in sorted(errors)]
        total = len(batch.interactions) + len(batch.errors)
        detail = f"{len(listed)} of {total} events were refused, the others are stored; {listed[0].message}"
        raise refused(
            "event-refused",
            detail,
            stored=written.stored,
            already_known=written.already_known,
            errors=as_members(listed),
        )

    def _write(self, batch: Batch) -> WrittenEvents:
        if not batch.interactions:
            return WrittenEvents(stored=0, already_known=0)
        self._state.services.engine.flush()  # a click may be quicker than the journal that its query waits in
        return self._state.services.catalog.interactions.write_good(batch.interactions)


def _error(refusal: RefusedEvent, batch: Batch) -> FieldError:
    number = batch.numbers[refusal.number]
    return FieldError(field=f"events[{number}]", message=refusal.message, reason=refusal.reason)
