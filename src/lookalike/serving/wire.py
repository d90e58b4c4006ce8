"""The JSON of requests and responses."""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic import Tag as PydanticTag
from pydantic.config import JsonDict

from lookalike.catalog import Collection, Moderated, Scope
from lookalike.feedback.ubi import DwellSeconds, Fold, Happened, Name, Pixels, Rank, Token, UbiEvent, require_dwell
from lookalike.retrieval import COLOUR_DISTANCE, Facets, Filters, Orientation
from lookalike.types import (
    Box,
    BoxUnit,
    Hit,
    Image,
    Interaction,
    InteractionKind,
    Match,
    ModerationState,
    Visibility,
)

MOST_EVENTS = 500
"""Events in one request."""

MOST_COLLECTED = 1000
"""Images that one request puts into a collection, and as many that it takes out."""

MOST_DECIDED = 200
"""Images in one decision of moderation."""

MOST_PIXELS = 1_000_000
"""Of a side, in filters."""

MOST_HITS = 200
"""Hits, or images, on one page."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

SecondsAgo = Annotated[float, Field(ge=0, le=30 * 86_400, allow_inf_nan=False)]

Words = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""Text without control characters."""

Tag = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f,]+$")
]
"""A word or a few, without commas: commas separate tags in forms."""

Tags = Annotated[tuple[Tag, ...], Field(max_length=64)]


def _split_tags(text: object) -> object:
    """`shoe, brown` -> `("shoe", "brown")`."""
    if isinstance(text, str):
        return tuple(tag for tag in text.split(",") if tag.strip())
    return tuple(text) if isinstance(text, list) else text  # as JSON has it


SplitTags = Annotated[Tags, BeforeValidator(_split_tags, json_schema_input_type=list[Tag])]
"""Tags that a form has in repeated fields, or in one between commas."""

Base64Picture = Annotated[
    str,
    Field(
        description="The file's bytes in base64, or a data URL of them.",
        json_schema_extra={"contentEncoding": "base64"},
    ),
]
"""A picture in JSON; it is taken out of the body before the rest is parsed."""

PictureUrl = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2048),
    Field(description="Where the server shall fetch the picture, on the public internet; off by default."),
]
"""A picture by its URL."""

IMAGE_EXAMPLE: JsonDict = {
    "id": "9f86d081884c7d659a2feaa0c55ad015",
    "width": 1200,
    "height": 800,
    "mean_colour": "#8a6f5c",
    "media_type": "image/jpeg",
    "bytes": 284133,
    "tags": ["shoe"],
    "visibility": "public",
    "owner_id": None,
    "uploaded_at": "2026-11-22T10:15:00Z",
    "source_name": "brogue.jpg",
    "folder": None,
    "content_url": "/v1/images/9f86d081884c7d659a2feaa0c55ad015/content",
    "blurred": False,
    "awaits_review": False,
}

VERIFY = "Compare keypoints with those of the nearest images, and put first what shows the very same thing."

FACETS = "Count tags, owners, orientations and collections of the ranked hits."

_QUERY_ID = "5d41402abc4b2a76b9719d911017c592"


class Wire(BaseModel):
    """Base of all request and response models: frozen, no unknown fields, no silent conversion."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, json_schema_serialization_defaults_required=True
    )


class FieldError(Wire):
    """The error of one field."""

    field: str
    message: str
    reason: str | None = Field(default=None, description="For events: why one was refused, a stable word.")


class ProblemDocument(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: tuple[FieldError, ...] | None = None
    reason: str | None = None
    incident: str | None = None


class ImageRecord(Wire):
    """An image of the library."""

    model_config = ConfigDict(json_schema_extra={"examples": [IMAGE_EXAMPLE]})

    id: str
    width: int
    height: int
    mean_colour: str
    media_type: str
    bytes: int
    tags: tuple[str, ...]
    visibility: Visibility
    owner_id: str | None
    uploaded_at: datetime
    source_name: str | None
    folder: str | None = Field(
        default=None, description="Name of the folder of its file; null for clients that may not change the library."
    )
    content_url: str
    blurred: bool = Field(default=False, description="Show it blurred until somebody asks to see it.")
    awaits_review: bool = Field(
        default=False, description="Of an upload: nobody sees it before somebody has reviewed it."
    )

    @classmethod
    def of(cls, image: Image, below: str = "", *, for_owner: bool = False) -> "ImageRecord":
        """The record as others may see it: of its source, only the name.

        Args:
            image: from the catalog.
            below: the path we are served below.
            for_owner: tell the name of its folder, too.
        """
        return cls(
            id=image.id,
            width=image.width,
            height=image.height,
            mean_colour=image.mean_colour,
            media_type=image.media_type,
            bytes=image.byte_count,
            tags=image.tags,
            visibility=image.visibility,
            owner_id=image.owner_id,
            uploaded_at=image.uploaded_at,
            source_name=source_name(image),
            folder=folder_name(image) if for_owner else None,
            content_url=f"{below}/v1/images/{image.id}/content",
            blurred=image.blurred,
        )


@lru_cache(maxsize=10_000)  # by every field of the record: what changed is another key
def _json_in_hits(image: Image, below: str, for_owner: bool) -> str:  # noqa: FBT001 - of a cache's key
    """Popular images are in many answers, and writing them again is most of the time an answer takes."""
    return ImageRecord.of(image, below, for_owner=for_owner).model_dump_json()


def source_name(image: Image) -> str | None:
    """The last part of its path, with bytes that are not UTF-8 replaced, or what an upload was called."""
    if image.source is None:
        return image.upload_name
    return _readable(os.path.basename(image.source))  # noqa: PTH119 - for each hit


def folder_name(image: Image) -> str | None:
    """The last part of its folder's path; None for an upload."""
    if image.source is None:
        return None
    return _readable(os.path.basename(os.path.dirname(image.source))) or None  # noqa: PTH119, PTH120 - for each hit


def _readable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")


class UploadRequest(Wire):
    """An upload in JSON."""

    image: Base64Picture | None = None
    image_url: PictureUrl | None = None
    name: str | None = Field(default=None, max_length=1024, description="Name of the file, for display.")
    tags: Tags | None = None
    visibility: Visibility = Visibility.PUBLIC
    owner_id: Words | None = None

    @model_validator(mode="after")
    def _has_one_picture(self) -> "UploadRequest":
        if (self.image is None) == (self.image_url is None):
            raise ValueError("give one of image and image_url")
        return self


class ImagePage(Wire):
    """Some images, newest first."""

    images: tuple[ImageRecord, ...]
    next_cursor: str | None
    total: int = Field(description="Number of images on all pages.")


class ImageOutline(Wire):
    """The shapes of all images that follow in the list, so that a long list can be laid out before it is read."""

    shapes: str = Field(
        description="Base64 of one byte per image: log2 of its height divided by its width, from -2 to 2 in 255 steps."
    )
    every: int = Field(description="Number of images on the page of each cursor.")
    cursors: tuple[str, ...] = Field(
        description="For `GET /v1/images` with `limit` = `every`: one cursor per page, in order."
    )
    next_cursor: str | None = Field(description="Cursor of the next outline; null at the end.")


class ImageChange(Wire):
    """What to change about an image. A field that is absent or null stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tags": ["shoe", "brown"], "visibility": "private"}]})

    tags: Tags | None = None
    visibility: Visibility | None = None
    owner_id: Words | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "ImageChange":
        if self.tags is None and self.visibility is None and self.owner_id is None:
            raise ValueError("give at least one of tags, visibility, owner_id")
        return self


class CropBox(Wire):
    """The part of the picture that matters, measured on the upright picture from its top left corner."""

    x: float
    y: float
    width: float
    height: float
    unit: BoxUnit = "fraction"

    @classmethod
    def of(cls, crop: Box) -> "CropBox":
        """A crop from a request."""
        return cls(x=crop.x, y=crop.y, width=crop.width, height=crop.height, unit=crop.unit)

    def box(self) -> Box:
        """The requested crop.

        Raises:
            CropRefused: a value is not finite, or there is no area inside the picture.
        """
        return Box(self.x, self.y, self.width, self.height, unit=self.unit)


class FilterFields(Wire):
    """What every hit has to meet. A condition that is absent or null asks for nothing."""

    owner: Words | None = Field(default=None, description="Belongs to this owner.")
    any_tags: SplitTags = Field(default=(), description="Has at least one of these tags.")
    all_tags: SplitTags = Field(default=(), description="Has each of these tags.")
    no_tags: SplitTags = Field(default=(), description="Has none of these tags.")
    uploaded_from: AwareDatetime | None = Field(default=None, description="Was added at this time or later.")
    uploaded_to: AwareDatetime | None = Field(default=None, description="Was added before this time.")
    min_width: int | None = Field(default=None, ge=1, le=MOST_PIXELS, description="Of the upright image, pixels.")
    max_width: int | None = Field(default=None, ge=1, le=MOST_PIXELS)
    min_height: int | None = Field(default=None, ge=1, le=MOST_PIXELS)
    max_height: int | None = Field(default=None, ge=1, le=MOST_PIXELS)
    orientation: Orientation | None = None
    colour: Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")] | None = Field(
        default=None, description="A colour like this, `#rrggbb`, covers at least three sixteenths of the image."
    )
    colour_distance: int = Field(
        default=COLOUR_DISTANCE, ge=0, le=255, description="Greatest distance in YCbCr, where luma counts half."
    )
    collection: Words | None = Field(default=None, description="Is in the collection of this name.")

    def conditions(self) -> Filters:
        """As searches take them.

        Raises:
            CallerError: they contradict each other.
        """
        values = {name: getattr(self, name) for name in FilterFields.model_fields}
        return Filters(**values)


class SearchRequest(Wire):
    """A search by an indexed image or by a picture in base64, or the next page of one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "image_id": IMAGE_EXAMPLE["id"],
                    "crop": {"x": 0.25, "y": 0.1, "width": 0.5, "height": 0.6, "unit": "fraction"},
                    "limit": 30,
                },
                {"image": "data:image/png;base64,iVBORw0KGgo...", "limit": 10},
                {
                    "image_id": IMAGE_EXAMPLE["id"],
                    "filters": {"any_tags": ["shoe", "boot"], "orientation": "landscape", "colour": "#8a6f5c"},
                    "facets": True,
                },
                {"cursor": "NWQ0MTQwMmFiYzRiMmE3NmI5NzE5ZDkxMTAxN2M1OTI6MzA6MzA6OGU1ZDYzMzE"},
            ]
        }
    )

    image_id: str | None = Field(default=None, max_length=64)
    image: Base64Picture | None = None
    image_url: PictureUrl | None = None
    crop: CropBox | None = None
    limit: int | None = Field(default=None, ge=1, le=MOST_HITS)
    include_self: bool | None = None
    verify: bool = Field(default=False, description=VERIFY)
    filters: FilterFields | None = None
    facets: bool = Field(default=False, description=FACETS)
    cursor: str | None = Field(default=None, max_length=512)

    @model_validator(mode="after")
    def _asks_one_thing(self) -> "SearchRequest":
        if [self.image_id, self.image, self.image_url, self.cursor].count(None) != 3:  # noqa: PLR2004 - of four
            raise ValueError("give one of image_id, image, image_url and cursor")
        others = (self.crop, self.include_self, self.verify or None, self.filters, self.facets or None)
        if self.cursor is not None and others.count(None) != len(others):
            raise ValueError("with a cursor only limit may be given: the query cannot be changed")
        return self


class QueryRecord(Wire):
    """The query of a search."""

    image_id: str | None
    width: int
    height: int
    crop: CropBox | None
    indexed_as: str | None = Field(default=None, description="The public image that has the same bytes as the picture.")
    preview: str | None = Field(
        default=None, description="The picture upright, as a `data:` URL of a JPEG; only where `preview` asked for it."
    )


class SameThingRecord(Wire):
    """A hit that was verified to show the very same thing as the query."""

    inliers: int = Field(description="How many details of the query were found at matching places.")
    outline: tuple[tuple[float, float], ...] = Field(
        description="Where the query lies in the image: corners of a convex polygon, x and y in fractions of its sides."
    )


class HitRecord(Wire):
    """One hit."""

    rank: int
    image: ImageRecord
    cosine: float
    closeness: float = Field(
        description="0 to 100: at least 50 is loosely related, at least 90 close, at least 99 very close."
    )
    match: Match
    duplicates: tuple[str, ...] = Field(description="Ids of images that look the same and are grouped under this hit.")
    blurred_duplicates: tuple[str, ...] = Field(
        default=(), description="Those of `duplicates` to show blurred until somebody asks to see them."
    )
    same_thing: SameThingRecord | None = Field(
        default=None, description="Only where the search was to be verified, and the image shows the very same thing."
    )

    @classmethod
    def of(cls, hit: Hit, below: str = "", *, for_owner: bool = False) -> "HitRecord":
        """A hit with the record of its image.

        Args:
            hit: of a search.
            below: the path we are served below.
            for_owner: tell the name of its folder, too.
        """
        return cls(
            rank=hit.rank,
            image=ImageRecord.of(hit.image, below, for_owner=for_owner),
            cosine=hit.cosine,
            closeness=hit.closeness,
            match=hit.match,
            duplicates=hit.duplicates,
            blurred_duplicates=hit.blurred_duplicates,
            same_thing=_same_thing(hit),
        )

    @staticmethod
    def json_of(hit: Hit, below: str = "", *, for_owner: bool = False) -> str:
        """The JSON of the record that `of` makes, in a fifth of the time: an answer has tens of them."""
        same_thing = _same_thing(hit)
        return (
            f'{{"rank":{hit.rank},"image":{_json_in_hits(hit.image, below, for_owner)},'
            f'"cosine":{hit.cosine!r},"closeness":{hit.closeness!r},"match":"{hit.match.value}",'
            f'"duplicates":{_json_of_ids(hit.duplicates)},'
            f'"blurred_duplicates":{_json_of_ids(hit.blurred_duplicates)},'
            f'"same_thing":{same_thing.model_dump_json() if same_thing else "null"}}}'
        )


def _json_of_ids(image_ids: tuple[str, ...]) -> str:
    return json.dumps(image_ids) if image_ids else "[]"


def _same_thing(hit: Hit) -> SameThingRecord | None:
    return SameThingRecord(**asdict(hit.same_thing)) if hit.same_thing else None


class Milliseconds(Wire):
    """Time by stage, in milliseconds."""

    decode: float
    embed: float
    search: float
    rerank: float
    total: float


class FacetCounts(Wire):
    """How many of the ranked hits have each value, the most frequent first."""

    hits: int = Field(description="Number of hits that were counted: those that were ranked and are public now.")
    tags: dict[str, int]
    owners: dict[str, int]
    orientations: dict[str, int]
    collections: dict[str, int]

    @classmethod
    def of(cls, facets: Facets) -> "FacetCounts":
        """The counts of a search."""
        return cls(**{name: getattr(facets, name) for name in cls.model_fields})


class SearchAnswer(Wire):
    """One page of hits."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "query_id": _QUERY_ID,
                    "generation": "3fa2c1d0-7-1776",
                    "query": {
                        "image_id": None,
                        "width": 1200,
                        "height": 800,
                        "crop": None,
                        "indexed_as": None,
                        "preview": None,
                    },
                    "total": 100,
                    "complete": False,
                    "images": 3391,
                    "reachable": 3391,
                    "hits": [
                        {
                            "rank": 1,
                            "image": IMAGE_EXAMPLE,
                            "cosine": 0.91,
                            "closeness": 99.97,
                            "match": "very-close",
                            "duplicates": [],
                            "blurred_duplicates": [],
                        }
                    ],
                    "next_cursor": "NWQ0MTQwMmFiYzRiMmE3NmI5NzE5ZDkxMTAxN2M1OTI6MzA6MzA6OGU1ZDYzMzE",
                    "verifiable": False,
                    "milliseconds": {"decode": 6.1, "embed": 4.2, "search": 0.2, "rerank": 0.9, "total": 13.0},
                    "notes": [],
                }
            ]
        }
    )

    query_id: str
    generation: str
    query: QueryRecord
    total: int = Field(description="Number of hits ranked so far; later pages may rank more.")
    complete: bool = Field(description="Whether all hits are ranked, so that later pages add none.")
    images: int = Field(description="Number of public images that met the filters at the time of ranking.")
    reachable: int = Field(description="Number of images that can be reached by paging: at most 10,000.")
    hits: tuple[HitRecord, ...]
    next_cursor: str | None
    verifiable: bool = Field(
        description="Whether images have keypoints, so that `verify` can find the very same thing."
    )
    milliseconds: Milliseconds
    notes: tuple[str, ...]
    facets: FacetCounts | None = Field(default=None, description="Only on the first page, where the search asked.")

    def json_with(self, hits: Iterable[str]) -> str:
        """The JSON of this answer, which has no hits yet, with the JSON of some (`HitRecord.json_of`)."""
        joined = f'"hits":[{",".join(hits)}]'
        return self.model_dump_json().replace('"hits":[]', joined, 1)  # elsewhere its quotes would be escaped


class CollectionRecord(Wire):
    """A named set of images."""

    name: str
    images: int = Field(description="Number of its images that are public.")
    created_at: datetime

    @classmethod
    def of(cls, collection: Collection) -> "CollectionRecord":
        """The record of a collection."""
        return cls(name=collection.name, images=collection.images, created_at=collection.created_at)


class CollectionList(Wire):
    """Every collection, by name."""

    collections: tuple[CollectionRecord, ...]


class CollectionPage(Wire):
    """Some images of a collection, in order of id."""

    name: str
    images: tuple[ImageRecord, ...]
    next_cursor: str | None


class CollectionChange(Wire):
    """Images to put into a collection, and images to take out of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"add": [IMAGE_EXAMPLE["id"]]}]})

    add: tuple[Token, ...] = Field(default=(), max_length=MOST_COLLECTED)
    remove: tuple[Token, ...] = Field(default=(), max_length=MOST_COLLECTED)


class ReviewRecord(Wire):
    """An image, what classifiers found, and what was decided."""

    image: ImageRecord
    state: ModerationState = Field(description="What is done with it now.")
    reason: str = Field(description="Why, in words, as long as nobody has decided.")
    scores: dict[str, float] = Field(description="From 0 to 1, by `classifier/label`.")
    visibility: Visibility = Field(description="Of the image, where moderation does not hide it.")
    since: datetime
    decided_by: str | None
    decided_at: datetime | None

    @classmethod
    def of(cls, image: ImageRecord, moderated: Moderated) -> "ReviewRecord":
        """The record of an image and what is known of its moderation."""
        return cls(
            image=image,
            state=moderated.verdict.state,
            reason=moderated.verdict.reason,
            scores=dict(moderated.verdict.scores),
            visibility=moderated.visibility,
            since=moderated.since,
            decided_by=moderated.decided_by,
            decided_at=moderated.decided_at,
        )


class ReviewQueue(Wire):
    """Images of a state, those that have had it for longest first."""

    images: tuple[ReviewRecord, ...]
    next_cursor: str | None
    counts: dict[ModerationState, int] = Field(description="How many images have each state.")


class ReviewDecision(Wire):
    """What is to be done with images from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"images": [IMAGE_EXAMPLE["id"]], "state": "shown"}]})

    images: tuple[Token, ...] = Field(min_length=1, max_length=MOST_DECIDED)
    state: ModerationState = Field(description="`held` puts images back into the queue.")
    note: str = Field(default="", max_length=1000, description="Why, in words, for the audit log.")


class ReviewDecided(Wire):
    """What holds for images after a decision."""

    images: tuple[ReviewRecord, ...]
    counts: dict[ModerationState, int]


class SignIn(Wire):
    """A key that the browser shall keep."""

    key: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]


class SessionRecord(Wire):
    """What the request may do."""

    keys_needed: bool = Field(description="Whether the server asks for keys; otherwise everybody may search.")
    scopes: tuple[Scope, ...] = Field(description="What the key or token of the request allows; empty without one.")


_TIMES = frozenset({"at", "seconds_ago"})


class Event(Wire):
    """One thing a person did with one hit of one query."""

    event_id: Token
    query_id: Token
    image_id: Token
    position: Rank
    kind: InteractionKind
    at: Happened | None = Field(default=None, description="The time it is received at, if left out.")
    seconds_ago: SecondsAgo | None = Field(
        default=None, description="In place of `at`, for clients whose clock may be wrong: how long before it was sent."
    )
    dwell_seconds: DwellSeconds | None = None
    row: Rank | None = Field(default=None, description="Number of the tile in its column, from 1.")
    column: Rank | None = Field(default=None, description="Column of the tile, from 1.")
    fold: Fold | None = Field(default=None, description="Heights of the window below the top; 0 needs no scrolling.")
    x: Pixels | None = Field(default=None, description="CSS pixels from the left of the window.")
    y: Pixels | None = Field(default=None, description="CSS pixels from the top of the window.")
    client_id: Name | None = None
    session_id: Name | None = None
    user_id: Words | None = None
    application: Name | None = None

    @model_validator(mode="after")
    def _dwells_for_a_time(self) -> "Event":
        require_dwell(self.kind, self.dwell_seconds)
        if self.at is not None and self.seconds_ago is not None:
            raise ValueError("give at or seconds_ago, not both")
        return self

    def interaction(self, now: datetime) -> Interaction:
        """As the catalog stores it."""
        told = {name: value for name, value in self.__dict__.items() if name not in _TIMES}  # as Pydantic keeps them
        at = self.at.astimezone(UTC) if self.at else now - timedelta(seconds=self.seconds_ago or 0.0)
        return Interaction(**told, at=at)


def _form_of(event: object) -> str:
    """Which of the two forms of events it is: UBI's have an `action_name`."""
    is_ubi = isinstance(event, UbiEvent) or (isinstance(event, dict) and "action_name" in event)
    return "ubi" if is_ubi else "event"


AnyEvent = Annotated[
    Annotated[Event, PydanticTag("event")] | Annotated[UbiEvent, PydanticTag("ubi")], Discriminator(_form_of)
]
"""In our short form, or in that of User Behavior Insights."""


class EventBatch(Wire):
    """What happened since the last batch."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "events": [
                        {
                            "event_id": "0b8f7c1e-6f0c-4b8e-9a55-0d6f3f6b2a11",
                            "query_id": _QUERY_ID,
                            "image_id": IMAGE_EXAMPLE["id"],
                            "position": 1,
                            "kind": "click",
                            "at": "2026-11-22T10:16:04.120Z",
                        }
                    ]
                }
            ]
        }
    )

    events: tuple[AnyEvent, ...] = Field(min_length=1, max_length=MOST_EVENTS)


class EventReceipt(Wire):
    """The result of a batch of events."""

    stored: int
    already_known: int


class EventsForgotten(Wire):
    """The result of forgetting the events of a person."""

    forgotten: int


class Alive(Wire):
    """The process answers."""

    status: Literal["alive"] = "alive"


class ReadinessRecord(Wire):
    """Whether searches can be answered."""

    ready: bool
    waiting_for: str
    generation: str
    images: int
    tail: int
    snapshot: int
    notes: tuple[str, ...]


def one_line(text: str, *, most: int) -> str:
    """Somebody's text made safe for one line of a message."""
    return _CONTROL.sub("?", text)[:most]
