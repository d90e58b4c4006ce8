"""Events in the schema of User Behavior Insights (UBI 1.3.0): JSON to interactions, and back.

The schema is open: what it has no field for stands in `event_attributes`; fields that are not known here are skipped.
Ours are `dwell_seconds` and `simulated`, and in `position` `row`, `column` and `fold`; `event_id` stands at the top.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)

from lookalike.catalog import LONGEST_DWELL
from lookalike.types import Interaction, InteractionKind

ACTIONS: Mapping[str, InteractionKind] = {
    **{kind.value: kind for kind in InteractionKind},
    "click_through": InteractionKind.CLICK,
}
"""What each `action_name` is here."""

FURTHEST_POSITION = 1_000_000

_FUTURE = timedelta(minutes=5)  # clocks of phones and laptops differ by this much, not by more
_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
_LONG_ID = 128  # the schema says 100


def happened(at: datetime) -> datetime:
    """The time of an event, if it can be one.

    Raises:
        ValueError: before the year 2000, or later than clocks differ.
    """
    if not _OLDEST <= at <= datetime.now(UTC) + _FUTURE:
        raise ValueError("must lie between the year 2000 and now")
    return at


Happened = Annotated[AwareDatetime, AfterValidator(happened)]
"""A time with a zone at which something can have been done."""

Token = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]
"""An identifier somebody made up: visible ASCII."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=_LONG_ID, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""Text without control characters."""

Rank = Annotated[int, Field(ge=1, le=FURTHEST_POSITION)]
Fold = Annotated[int, Field(ge=0, le=FURTHEST_POSITION)]
Pixels = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
DwellSeconds = Annotated[float, Field(ge=0, le=LONGEST_DWELL, allow_inf_nan=False)]


class _Open(BaseModel):
    """Part of an event: frozen, no silent conversion, and what is not known is skipped."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class UbiObject(_Open):
    """The hit."""

    object_id: Token = Field(description="Id of the image.")


class UbiPoint(_Open):
    """Where on the screen."""

    x: Pixels
    y: Pixels


class UbiPosition(_Open):
    """Where the hit stood."""

    ordinal: Rank = Field(description="Rank of the hit, from 1.")
    x: Pixels | None = Field(default=None, description="CSS pixels from the left of the window.")
    y: Pixels | None = Field(default=None, description="CSS pixels from the top of the window.")
    xy: UbiPoint | None = Field(default=None, description="Both, in place of `x` and `y`.")
    row: Rank | None = Field(default=None, description="Number of the tile in its column, from 1.")
    column: Rank | None = Field(default=None, description="Column of the tile, from 1.")
    fold: Fold | None = Field(default=None, description="Heights of the window below the top; 0 needs no scrolling.")


class UbiAttributes(_Open):
    """What was acted on, and how."""

    object: UbiObject
    position: UbiPosition
    dwell_seconds: DwellSeconds | None = Field(default=None, description="Only and always with the action `dwell`.")
    simulated: bool = Field(default=False, description="No person did it.")


class UbiEvent(_Open):
    """One event, as UBI 1.3.0 describes it; about a hit of a query."""

    action_name: Name = Field(description="One of `impression`, `click`, `dwell`, `save` and `not_similar`.")
    query_id: Token
    timestamp: Happened
    event_attributes: UbiAttributes
    event_id: Token | None = Field(default=None, description="Makes sending it again harmless.")
    client_id: Name | None = None
    session_id: Name | None = None
    user_id: Name | None = None
    application: Name | None = None

    @model_validator(mode="after")
    def _dwells_for_a_time(self, info: ValidationInfo) -> Self:
        actions: Mapping[str, InteractionKind] = info.context or ACTIONS
        require_dwell(actions.get(self.action_name), self.event_attributes.dwell_seconds)
        return self

    def interaction(self, kind: InteractionKind, *, simulated: bool = False) -> Interaction:
        """As the catalog stores it. Without an `event_id`, its content names it, so that it is stored once."""
        attributes = self.event_attributes
        position = attributes.position
        return Interaction(
            event_id=self.event_id or self._made_id(),
            query_id=self.query_id,
            image_id=attributes.object.object_id,
            position=position.ordinal,
            kind=kind,
            at=self.timestamp.astimezone(UTC),
            dwell_seconds=attributes.dwell_seconds,
            row=position.row,
            column=position.column,
            fold=position.fold,
            x=position.xy.x if position.xy else position.x,
            y=position.xy.y if position.xy else position.y,
            client_id=self.client_id,
            session_id=self.session_id,
            user_id=self.user_id,
            application=self.application,
            simulated=simulated or attributes.simulated,
        )

    def _made_id(self) -> str:
        return "ubi-" + hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:32]


def require_dwell(kind: InteractionKind | None, seconds: float | None) -> None:
    """Let through a dwell that says how long, and anything else that does not.

    Raises:
        ValueError: neither.
    """
    if kind is not None and (kind is InteractionKind.DWELL) != (seconds is not None):
        raise ValueError("dwell_seconds is required for dwell events, and allowed for no others")


def record_of(event: Interaction) -> dict[str, Any]:
    """An interaction in the schema; what is not known of it is left out. `UbiEvent` reads the same one back."""
    place = {"ordinal": event.position, "x": event.x, "y": event.y}
    grid = {"row": event.row, "column": event.column, "fold": event.fold}
    attributes: dict[str, Any] = {
        "object": {"object_id": event.image_id, "object_id_type": "image"},
        "position": _known({**place, **grid}),
        **_known({"dwell_seconds": event.dwell_seconds, "simulated": event.simulated or None}),
    }
    return _known(
        {
            "application": event.application,
            "action_name": event.kind.value,
            "query_id": event.query_id,
            "session_id": event.session_id,
            "client_id": event.client_id,
            "user_id": event.user_id,
            "timestamp": event.at.isoformat(),
            "event_id": event.event_id,
            "event_attributes": attributes,
        }
    )


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
