"""Reading a batch of events: each one by itself, so that a wrong one costs only itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from lookalike.feedback.ubi import ACTIONS, UbiEvent
from lookalike.serving.problems import Refused, field_of, invalid
from lookalike.serving.wire import Event, EventBatch, FieldError, one_line
from lookalike.types import Interaction

_DEPTH = 2  # of the path to one event: `events`, number
_LONGEST_MESSAGE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The events of a request.

    Attributes:
        interactions: those that make sense, in the order they were sent in.
        numbers: of each of them, its number in the request, from 0.
        errors: why each of the others does not, by its number.
    """

    interactions: Sequence[Interaction]
    numbers: Sequence[int]
    errors: dict[int, FieldError]


def read_batch(body: bytes, now: datetime) -> Batch:
    """The events in a body.

    Args:
        body: JSON as `EventBatch` describes it.
        now: the time of events that say none.

    Raises:
        Refused: it is not JSON (`malformed-request`), or not a list of 1 to 500 events (`invalid-request`).
    """
    errors: dict[int, FieldError] = {}
    try:
        events = dict(enumerate(EventBatch.model_validate_json(body).events))
    except ValidationError as mistake:
        errors = _errors_by_event(mistake)
        events = _others(body, errors)
    interactions, numbers = [], []
    for number, event in events.items():
        interaction = _interaction(event, now)
        if interaction is None:
            message = f"{one_line(event.action_name, most=50)!a} is none of {', '.join(ACTIONS)}"  # type: ignore[union-attr]
            field = f"events[{number}].action_name"
            errors[number] = FieldError(field=field, message=message, reason="unknown-action")
        else:
            interactions.append(interaction)
            numbers.append(number)
    return Batch(interactions=interactions, numbers=numbers, errors=errors)


def _interaction(event: Event | UbiEvent, now: datetime) -> Interaction | None:
    """None for an action that is of no use here."""
    if isinstance(event, Event):
        return event.interaction(now)
    kind = ACTIONS.get(event.action_name)
    return None if kind is None else event.interaction(kind)


def _errors_by_event(mistake: ValidationError) -> dict[int, FieldError]:
    """The first error of each event.

    Raises:
        Refused: the fault is not in single events.
    """
    mistakes = mistake.errors(include_url=False, include_input=False)
    of_events = [one for one in mistakes if len(one["loc"]) >= _DEPTH]
    # A list of wrong events only counts as too short: Pydantic counts what is left.
    if not of_events or any(len(one["loc"]) < _DEPTH and one["type"] != "too_short" for one in mistakes):
        raise Refused(invalid(mistakes)) from None
    found: dict[int, FieldError] = {}
    for one in of_events:
        _, number, *inside = one["loc"]
        path = ("events", number, *inside[1:])  # without the form of the event
        error = FieldError(field=field_of(path), message=one["msg"][:_LONGEST_MESSAGE], reason="invalid")
        found.setdefault(int(number), error)
    return found


def _others(body: bytes, errors: dict[int, FieldError]) -> dict[int, Event | UbiEvent]:
    """The events without an error, by number."""
    sent: list[Any] = from_json(body)["events"]
    numbers = [number for number in range(len(sent)) if number not in errors]
    if not numbers:
        return {}
    rest = to_json({"events": [sent[number] for number in numbers]})
    return dict(zip(numbers, EventBatch.model_validate_json(rest).events, strict=True))
