"""Frozen values that travel between the parts, and the array types they carry."""

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

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

Mask: TypeAlias = NDArray[np.bool_]
"""One flag a row."""


class Visibility(StrEnum):
    """Who may find an image. Only public images are ever in a result."""

    PUBLIC = "public"
    PRIVATE = "private"
    BLOCKED = "blocked"


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


@dataclass(frozen=True, slots=True)
class PixelBox:
    """A rectangle of whole pixels: `left <= x < right`, `top <= y < bottom`."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """The part of an upright image that is the query, in fractions of its width and height.

    Raises:
        CropRefused: a value is not a number, the crop has no area, or it leaves the image.
    """

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        values = (self.x, self.y, self.width, self.height)
        if not all(math.isfinite(value) for value in values):
            raise CropRefused(f"crop {values}: every value must be a finite number")
        if self.width <= 0 or self.height <= 0:
            raise CropRefused(f"crop {values}: width and height must be above 0")
        slack = 1e-6  # fractions that were made from pixels may exceed 1 by rounding
        if self.x < -slack or self.y < -slack or self.x + self.width > 1 + slack or self.y + self.height > 1 + slack:
            raise CropRefused(f"crop {values}: must lie inside the image, where x + width <= 1 and y + height <= 1")

    @classmethod
    def from_pixels(cls, x: float, y: float, width: float, height: float, *, image_size: tuple[int, int]) -> "Crop":
        """A crop given in pixels of the upright image.

        Args:
            x: left edge, pixels.
            y: top edge, pixels.
            width: pixels.
            height: pixels.
            image_size: (width, height) of the upright image, pixels.

        Raises:
            CropRefused: as for the class; the message gives the image's size.
        """
        image_width, image_height = image_size
        if min(image_size) < 1:
            raise CropRefused("this image could not be read, so there is nothing to crop")
        try:
            return cls(x=x / image_width, y=y / image_height, width=width / image_width, height=height / image_height)
        except CropRefused:
            raise CropRefused(
                f"crop x={x:g} y={y:g} width={width:g} height={height:g} pixels does not lie inside"
                f" the image of {image_width} x {image_height} pixels with an area above 0"
            ) from None

    def box(self, width: int, height: int) -> PixelBox:
        """The whole pixels it covers in an image of that size: at least one pixel a side."""
        left = min(max(round(self.x * width), 0), width - 1)
        top = min(max(round(self.y * height), 0), height - 1)
        right = min(max(round((self.x + self.width) * width), left + 1), width)
        bottom = min(max(round((self.y + self.height) * height), top + 1), height)
        return PixelBox(left, top, right, bottom)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A catalog record.

    `id` is the first 32 hex digits of the SHA-256 of the image's bytes. `width` and `height` are of the upright image,
    in pixels, 0 when it could not be read. `mean_colour` is `#rrggbb`. `source` is one path the bytes were seen at, or
    None for an upload. `upload_name` is what an upload was called by whoever sent it: to be shown, never a path.
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

    `event_id` is made by whoever saw it happen and makes storing idempotent. `position` is the hit's 1-based rank.
    `dwell_seconds` is set for `dwell` only. `simulated` marks clicks that no person made.
    """

    event_id: str
    query_id: str
    image_id: str
    position: int
    kind: InteractionKind
    at: datetime
    dwell_seconds: float | None = None
    user_id: str | None = None
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
    crop: Crop | None = None
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
class Hit:
    """What a user gets: an image, its place, and how close it is.

    `cosine` is in [-1, 1]. `closeness`, 0 to 100, and `match` say what it means in this library. `duplicates` are the
    ids of images that look the same and stand behind this one.
    """

    rank: int
    image: Image
    cosine: float
    closeness: float
    match: Match
    duplicates: tuple[str, ...] = ()
