"""Filters: which images a search may find at all, as typed values."""

import json
import re
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from lookalike.documents import from_document
from lookalike.errors import CallerError

MOST_TAGS = 64
"""Tags in each of the three lists."""

COLOUR_DISTANCE = 32
"""How far a colour may be from the one that is asked for, where the filter does not say."""

_COLOUR = re.compile(r"#[0-9a-f]{6}", re.IGNORECASE)
_LONGEST = 128
_LARGEST_SIDE = 1_000_000
_MOST_DISTANCE = 255


class Orientation(StrEnum):
    """The shape of an upright image: wider than high, higher than wide, or as wide as high."""

    LANDSCAPE = "landscape"
    PORTRAIT = "portrait"
    SQUARE = "square"

    @classmethod
    def of(cls, width: int, height: int) -> "Orientation":
        """The orientation of an image of that size."""
        if width == height:
            return cls.SQUARE
        return cls.LANDSCAPE if width > height else cls.PORTRAIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Conditions that every hit meets; those that are None or empty ask for nothing.

    Attributes:
        owner: the image belongs to this owner.
        any_tags: it has at least one of these tags.
        all_tags: it has each of these tags.
        no_tags: it has none of these tags.
        uploaded_from: it was added at this time or later; a time with a zone.
        uploaded_to: it was added before this time; a time with a zone.
        min_width: least width of the upright image, pixels.
        max_width: greatest width, pixels.
        min_height: least height, pixels.
        max_height: greatest height, pixels.
        orientation: landscape, portrait or square.
        colour: `#rrggbb`: this colour, or one near it, covers at least three sixteenths of the image.
        colour_distance: how near is near enough, 0 to 255: the Euclidean distance in YCbCr, where differences of
            brightness count half.
        collection: it is in the collection of this name.

    Raises:
        CallerError: a value cannot be met by any image, or is not text; the message names the field.
    """

    owner: str | None = None
    any_tags: tuple[str, ...] = ()
    all_tags: tuple[str, ...] = ()
    no_tags: tuple[str, ...] = ()
    uploaded_from: datetime | None = None
    uploaded_to: datetime | None = None
    min_width: int | None = None
    max_width: int | None = None
    min_height: int | None = None
    max_height: int | None = None
    orientation: Orientation | None = None
    colour: str | None = None
    colour_distance: int = COLOUR_DISTANCE
    collection: str | None = None

    def __post_init__(self) -> None:
        for name in ("any_tags", "all_tags", "no_tags"):
            _require_tags(name, getattr(self, name))
        for name in ("owner", "collection"):
            if getattr(self, name) is not None:
                _require_word(name, getattr(self, name))
        self._require_times()
        for side in ("width", "height"):
            _require_span(side, getattr(self, f"min_{side}"), getattr(self, f"max_{side}"))
        self._require_colour()

    def _require_colour(self) -> None:
        if self.colour is not None and not _COLOUR.fullmatch(self.colour):
            raise CallerError(f"colour {self.colour[:20]!a}: must be six hex digits, as in #8a6f5c")
        if not 0 <= self.colour_distance <= _MOST_DISTANCE:
            raise CallerError(f"colour_distance {self.colour_distance}: must be from 0 to {_MOST_DISTANCE}")

    def _require_times(self) -> None:
        for name in ("uploaded_from", "uploaded_to"):
            time = getattr(self, name)
            if time is not None and time.tzinfo is None:
                raise CallerError(f"{name} {time.isoformat()}: has no time zone; write 2026-01-31T00:00:00Z")
        if self.uploaded_from and self.uploaded_to and self.uploaded_from >= self.uploaded_to:
            raise CallerError("uploaded_from must be before uploaded_to: no image was added between them")

    @property
    def asks(self) -> bool:
        """Whether there is any condition."""
        return self is not NO_FILTERS and bool(self.as_document().keys() - {"colour_distance"})

    def as_document(self) -> dict[str, Any]:
        """What differs from the defaults, as JSON has it."""
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        told = {name: value for name, (value, default) in values.items() if value != default}
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in told.items()}

    def text(self) -> str | None:
        """As it is kept with an answered query; None where there is no condition."""
        return json.dumps(self.as_document(), sort_keys=True) if self.asks else None

    @classmethod
    def of_text(cls, text: str | None) -> "Filters":
        """The filters that `text` wrote."""
        return cls() if text is None else from_document(cls, json.loads(text), place="filters")


def _require_tags(name: str, tags: tuple[str, ...]) -> None:
    if len(tags) > MOST_TAGS:
        raise CallerError(f"{name}: {len(tags)} tags; at most {MOST_TAGS} can be asked for")
    for tag in tags:
        _require_word(name, tag)


def _require_word(name: str, text: str) -> None:
    if not 0 < len(text) <= _LONGEST or not text.isprintable():
        raise CallerError(f"{name} {text[:_LONGEST]!a}: must be 1 to {_LONGEST} printable characters")


def _require_span(side: str, least: int | None, most: int | None) -> None:
    for name, value in ((f"min_{side}", least), (f"max_{side}", most)):
        if value is not None and not 1 <= value <= _LARGEST_SIDE:
            raise CallerError(f"{name} {value}: must be from 1 to {_LARGEST_SIDE:,} pixels")
    if least is not None and most is not None and least > most:
        raise CallerError(f"min_{side} {least} is above max_{side} {most}: no image is like that")


NO_FILTERS = Filters()
"""Every public image may be a hit."""
