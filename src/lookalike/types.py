"""Frozen values that travel between the parts, and the array types they carry."""

import math
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import CropRefused

Pixels: TypeAlias = NDArray[np.uint8]
"""Upright RGB, [height, width, 3], uint8, C-contiguous."""

Batch: TypeAlias = NDArray[np.float32]
"""Normalised model input, [images, 3, height, width], float32."""

Vectors: TypeAlias = NDArray[np.float32]
"""Unit rows, [images, dimension], float32."""

Rows: TypeAlias = NDArray[np.int64]
"""Row numbers in an index; -1 where there is no neighbor."""

WHOLE_IMAGE = 0
"""The region that every image has: all of it. Others are numbered from 1 by whoever stores their vectors."""

RowKey: TypeAlias = tuple[str, int]
"""What one row of vectors is of: an image's id, and a region of that image."""

Mask: TypeAlias = NDArray[np.bool_]
"""One flag a row."""


BoxUnit: TypeAlias = Literal["fraction", "pixel"]
"""What the numbers of a `Box` count."""

_NUMBER = r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?i:nan|inf))\s*"
_BOX_TEXT = re.compile(rf"\s*(?:(percent|pixel):)?{','.join([_NUMBER] * 4)}", re.ASCII)
_SLACK = 1e-6  # fractions that were made from pixels may exceed 1 by rounding


class Visibility(StrEnum):
    """Who may find an image. Only public images are ever in a result."""

    PUBLIC = "public"
    PRIVATE = "private"
    BLOCKED = "blocked"


class ModerationState(StrEnum):
    """What moderation does with an image: nothing, blur it until it is clicked, let it wait for review, or hide it."""

    SHOWN = "shown"
    BLURRED = "blurred"
    HELD = "held"
    BLOCKED = "blocked"

    @property
    def hides(self) -> bool:
        """Whether nobody but reviewers sees an image of this state."""
        return self in {ModerationState.HELD, ModerationState.BLOCKED}


class Match(StrEnum):
    """How close a hit is, in a word."""

    DUPLICATE = "duplicate"
    VERY_CLOSE = "very-close"
    CLOSE = "close"
    LOOSE = "loose"
    NONE = "none"


class InteractionKind(StrEnum):
    """What a person did with a hit that was shown."""

    IMPRESSION = "impression"
    CLICK = "click"
    DWELL = "dwell"
    SAVE = "save"
    NOT_SIMILAR = "not_similar"


@dataclass(frozen=True, slots=True)
class PixelBox:
    """A rectangle of whole pixels: `left <= x < right`, `top <= y < bottom`."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in an upright image, measured from its top left corner.

    Attributes:
        x: left edge.
        y: top edge.
        width: of the rectangle, above 0.
        height: of the rectangle, above 0.
        unit: `fraction` of the image's width and height, or `pixel` of the upright image.

    Raises:
        CropRefused: a value is not a finite number, the box has no area, or fractions leave the image. Whether pixels
            do is known once the image's size is: `as_fractions` says so.
    """

    x: float
    y: float
    width: float
    height: float
    unit: BoxUnit = field(default="fraction", kw_only=True)

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in self.values):
            raise CropRefused(f"crop {self.values}: every value must be a finite number")
        if self.width <= 0 or self.height <= 0:
            raise CropRefused(f"crop {self.values}: width and height must give an area above 0")
        if self.unit == "fraction" and not self._within(1, 1):
            raise CropRefused(
                f"crop {self.values}: must lie inside the image, where x + width <= 1 and y + height <= 1"
            )

    @classmethod
    def parse(cls, text: str, *, unit: BoxUnit | None = None) -> "Box":
        """The box that a text means: `x,y,width,height`.

        A prefix of the W3C's media fragments gives the unit: `percent:25,25,50,50` or `pixel:10,20,300,200`.

        Args:
            text: as a person or a file wrote it.
            unit: of numbers without a prefix. None: fractions where all of them are at most 1, else pixels.

        Raises:
            CropRefused: it is not four numbers, or no box.
        """
        written = _BOX_TEXT.fullmatch(text)
        if written is None:
            shown = "".join(one if one.isprintable() else "?" for one in text[:60])
            raise CropRefused(f"crop {shown!r}: must be four numbers, x,y,width,height")
        x, y, width, height = map(float, written.groups()[1:])
        if written[1] == "percent":
            return cls(x / 100, y / 100, width / 100, height / 100)
        guessed: BoxUnit = "fraction" if max(x, y, width, height) <= 1 else "pixel"
        return cls(x, y, width, height, unit="pixel" if written[1] else unit or guessed)

    @staticmethod
    def is_written_in(text: str) -> bool:
        """Whether a text has the form that `parse` reads."""
        return _BOX_TEXT.fullmatch(text) is not None

    @property
    def values(self) -> tuple[float, float, float, float]:
        """x, y, width, height."""
        return self.x, self.y, self.width, self.height

    @property
    def fragment(self) -> str:
        """As media fragments spell it, with eight digits: `percent:25,25,50,50` or `pixel:10,20,300,200`."""
        unit, scale = ("percent", 100) if self.unit == "fraction" else ("pixel", 1)
        return f"{unit}:" + ",".join(f"{scale * value:.8g}" for value in self.values)

    def as_fractions(self, width: int, height: int) -> "Box":
        """This box in fractions of an image's sides.

        Args:
            width: of the upright image, pixels.
            height: of the upright image, pixels.

        Raises:
            CropRefused: it leaves the image; the message gives the image's size.
        """
        if self.unit == "fraction":
            return self
        if min(width, height) < 1:
            raise CropRefused("this image could not be read, so there is nothing to crop")
        if not self._within(width, height):
            x, y, of_width, of_height = self.values
            raise CropRefused(
                f"crop x={x:g} y={y:g} width={of_width:g} height={of_height:g} pixels does not lie inside"
                f" the image of {width} x {height} pixels"
            )
        return Box(self.x / width, self.y / height, self.width / width, self.height / height)

    def pixels(self, width: int, height: int) -> PixelBox:
        """The whole pixels it covers in an upright image of that size: at least one pixel a side.

        Raises:
            CropRefused: it leaves the image.
        """
        part = self.as_fractions(width, height)
        left = min(max(round(part.x * width), 0), width - 1)
        top = min(max(round(part.y * height), 0), height - 1)
        right = min(max(round((part.x + part.width) * width), left + 1), width)
        bottom = min(max(round((part.y + part.height) * height), top + 1), height)
        return PixelBox(left, top, right, bottom)

    def _within(self, width: float, height: float) -> bool:
        x, y = self.x / width, self.y / height
        right, bottom = x + self.width / width, y + self.height / height
        return min(x, y) >= -_SLACK and max(right, bottom) <= 1 + _SLACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A catalog record.

    `id` is the first 32 hex digits of the SHA-256 of the image's bytes. `width` and `height` are of the upright image,
    in pixels, 0 when it could not be read. `mean_colour` is `#rrggbb`. `source` is one path the bytes were seen at, or
    None for an upload. `upload_name` is what an upload was called by whoever sent it: to be shown, never a path.
    `blurred` images are to be shown blurred until somebody asks to see them.
    """

    id: str
    width: int
    height: int
    mean_colour: str
    media_type: str
    byte_count: int
    source: str | None
    owner_id: str | None
    uploaded_at: datetime
    tags: tuple[str, ...]
    visibility: Visibility
    error: str | None
    upload_name: str | None = None
    blurred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who uploads or interacts. Never an input of ranking."""

    id: str
    age: int | None = None
    gender: str | None = None
    city: str | None = None
    country: str | None = None
    language: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """One thing a person did with one hit of one query.

    Attributes:
        event_id: made by whoever saw it happen; storing an event again changes nothing.
        query_id: of the search.
        image_id: of the hit, or of an image that looks the same and stands behind it.
        position: rank of the hit, from 1.
        kind: what was done.
        at: when; for a dwell, when it ended.
        dwell_seconds: how long the hit was looked at; for `dwell` only.
        row: of the hit in the grid, from 1: how many tiles of its column end with it.
        column: of the hit in the grid, from 1.
        fold: how many heights of the window the hit is below the top of the page: 0 is seen without scrolling.
        x: where on the screen it happened, in CSS pixels from the left.
        y: likewise, from the top.
        client_id: of the browser or program, a random name.
        session_id: of one visit.
        user_id: of the person, where the application knows people.
        application: that reported the event.
        simulated: no person did it.
    """

    event_id: str
    query_id: str
    image_id: str
    position: int
    kind: InteractionKind
    at: datetime
    dwell_seconds: float | None = None
    row: int | None = None
    column: int | None = None
    fold: int | None = None
    x: float | None = None
    y: float | None = None
    client_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    application: str | None = None
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """A person's judgement, 0 (unrelated) to 5 (the same), of how well an image answers a query image.

    `crop` is the part of the query image that was the query, None for all of it. `judgement_set` names the collection
    it belongs to; `source` says where it came from.
    """

    query_image_id: str
    image_id: str
    grade: int
    at: datetime
    user_id: str | None = None
    source: str = "human"
    crop: Box | None = None
    judgement_set: str = "grades"


@dataclass(frozen=True, slots=True)
class Neighbors:
    """What an index returns for each query, best first.

    Attributes:
        rows: [queries, k] int64, -1 where fewer than k rows were found.
        cosines: [queries, k] float32, -inf where `rows` is -1.
    """

    rows: Rows
    cosines: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class SameThing:
    """A hit that was verified by keypoints to show the very same thing as the query.

    Attributes:
        inliers: how many details of the query were found at matching places.
        outline: where the query lies in the found image: the corners of a convex polygon, x and y in fractions of the
            image's width and height, cut off at its edges.
    """

    inliers: int
    outline: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """What a user gets: an image, its place, and how close it is.

    `cosine` is in [-1, 1]. `closeness`, 0 to 100, and `match` say what it means in this library. `duplicates` are the
    ids of images that look the same and stand behind this one, `blurred_duplicates` those of them that are to be shown
    blurred. `same_thing` is there where the search was to be verified, and the image shows the very same thing.
    """

    rank: int
    image: Image
    cosine: float
    closeness: float
    match: Match
    duplicates: tuple[str, ...] = ()
    blurred_duplicates: tuple[str, ...] = ()
    same_thing: SameThing | None = None
