"""Frozen values the catalog takes and gives, beside those in `lookalike.types`."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog.verdicts import Verdict
from lookalike.columns import ImageRow, ImageRows, image_row
from lookalike.errors import CallerError
from lookalike.types import Box, Image, SameThing, Vectors, Visibility

_IMAGE_ID = re.compile(r"[0-9a-f]{32}")
_LONGEST_NAME = 200
_LONGEST_SUFFIX = 16
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def content_id(content: bytes) -> str:
    """The id of an image with these bytes: the first 32 hex digits of their SHA-256."""
    return hashlib.sha256(content).hexdigest()[:32]


def is_image_id(text: str) -> bool:
    """Whether it could be an image's id; what could not be is never sent to the database."""
    return _IMAGE_ID.fullmatch(text) is not None


def storable_text(text: str) -> bool:
    """Whether every database can keep the text: no NUL and no lone surrogates."""
    return _UNSTORABLE.search(text) is None


def require_storable(field: str, text: str | None) -> None:
    """Let through text that every database can keep.

    Raises:
        CallerError: it holds NUL or half a surrogate pair.
    """
    if text is not None and not storable_text(text):
        raise CallerError(f"{field} {text!a}: has a character that is not text (NUL or half a surrogate pair)")


def display_name(given: str) -> str | None:
    """What a file is called by whoever sent it, made fit to be shown on one line; None where nothing is left.

    Folders (of either kind of path) are cut off, and characters that are not seen but turn or break a line; joiners
    stay, since scripts and emoji need them. A long name is cut before its suffix. It is never used as a path.
    """
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", given)[-1])
    seen = "".join(c for c in name if c in _JOINERS or unicodedata.category(c) not in _UNSEEN).strip()
    if len(seen) > _LONGEST_NAME:
        stem, dot, suffix = seen.rpartition(".")
        ending = dot + suffix if stem and len(suffix) <= _LONGEST_SUFFIX else ""
        seen = f"{seen[: _LONGEST_NAME - 1 - len(ending)]}…{ending}"
    return seen if seen.strip(".") else None


class Deletion(StrEnum):
    """Why an image is no more: only what is gone from its sources comes back by itself."""

    SOURCE_GONE = "source-gone"
    REQUESTED = "requested"


class AdditionResult(StrEnum):
    """What became of an image that was to be added.

    `NEW` is one the catalog did not know, or that was deleted on request and is restored; `RETURNED` came back from
    the bin; `KNOWN` was live already; `LEFT_OUT` was deleted on request, and stays so.
    """

    NEW = "new"
    RETURNED = "returned"
    KNOWN = "known"
    LEFT_OUT = "left-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One place an image's bytes were read from.

    Attributes:
        path: absolute, as `os.fsdecode` gives it.
        byte_count: `st_size`.
        modified_ns: `st_mtime_ns`.
        changed_ns: `st_ctime_ns`; this and the next two are None where nobody looked.
        inode: `st_ino`.
        device: `st_dev`.
    """

    path: str
    byte_count: int
    modified_ns: int
    changed_ns: int | None = None
    inode: int | None = None
    device: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFailure:
    """A path whose bytes could not be read, and why, in words."""

    path: str
    error: str
    byte_count: int = 0
    modified_ns: int = 0


@dataclass(frozen=True, slots=True)
class SourceState:
    """What was last seen at a path.

    Size, times, inode and device are of the bytes that `image_id` is of, as in `SourceFile`.

    Attributes:
        error: why the bytes could not be read at the last try, or why they are not an image.
        deleted: this image was deleted on request since.
        refused_under: the limits and decoders that called the bytes no image.
        missing: the last run over its folder did not find the file, and kept what was known of it.
    """

    byte_count: int
    modified_ns: int
    image_id: str | None
    error: str | None
    deleted: bool = False
    changed_ns: int | None = None
    inode: int | None = None
    device: int | None = None
    refused_under: str | None = None
    missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedFolder:
    """A folder or file that was indexed by name, and how much of the library is below it.

    Attributes:
        path: absolute.
        images: live images seen at it or below it.
        missing: files below it that the last run did not find; what is known of them was kept.
        refused: files below it that could not be read as images.
        last_run_at: when it was last indexed; None where an earlier version did.
    """

    path: str
    images: int
    missing: int
    refused: int
    last_run_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownImage:
    """An image whose bytes need not be decoded again: live, or in the bin."""

    width: int
    height: int
    mean_colour: str
    media_type: str
    columns: ImageRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageAddition:
    """An image to add, with where it was seen, its uploaded bytes, its vector, or all three.

    Attributes:
        content_id: from the function of that name; width and height are upright pixels, 0 where it cannot be read.
        columns: what is kept of it beside its vector.
        error: why it cannot be read as an image; None for a good one.
        upload: bytes to keep in the originals; their `content_id` must be this one.
        upload_name: what the upload was called, see `display_name`.
        fingerprint: of the model that made `vector` ([dimension] floats of unit length); both or neither.
        refused_under: where there is an error, the limits and decoders it depends on.
        restore: brings back an image that was deleted on request.
        uploaded_at: now where None.
        verdict: what moderation found of its pixels; None where nobody looked.
    """

    content_id: str
    width: int
    height: int
    mean_colour: str
    media_type: str
    byte_count: int
    columns: ImageRow = field(default_factory=image_row)
    error: str | None = None
    refused_under: str | None = None
    source: SourceFile | None = None
    upload: bytes | None = None
    upload_name: str | None = None
    owner_id: str | None = None
    tags: tuple[str, ...] = ()
    visibility: Visibility = Visibility.PUBLIC
    fingerprint: str | None = None
    vector: NDArray[np.floating] | None = None
    restore: bool = False
    uploaded_at: datetime | None = None
    verdict: Verdict | None = None

    def __post_init__(self) -> None:
        if not is_image_id(self.content_id):
            raise ValueError(f"content_id {self.content_id!a} is not 32 hex digits")
        if self.upload is not None and content_id(self.upload) != self.content_id:
            raise ValueError(f"the uploaded bytes are not those of {self.content_id}")
        if (self.fingerprint is None) != (self.vector is None):
            raise ValueError("a vector and its model's fingerprint are given together")
        if self.source is None and self.upload is None:
            raise ValueError("an image needs a source, uploaded bytes, or both")
        for tag in self.tags:
            require_storable("tag", tag)
        require_storable("owner_id", self.owner_id)


@dataclass(frozen=True, slots=True)
class BrowsePage:
    """Some images, newest first, and the cursor of those that follow (None at the end)."""

    images: tuple[Image, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The sizes of many images, newest first, and where to begin reading them in pages of `every`.

    Attributes:
        sizes: width and height of each image, pixels.
        cursors: of each page; the first page begins with the first size.
        next: cursor of the images beyond the outline; None where it goes to the end.
    """

    sizes: list[tuple[int, int]]
    cursors: list[str]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogCounts:
    """How many of each thing the catalog holds.

    `live` images are those not deleted; `readable + unreadable == live`; so is `public + private + blocked`; those that
    are public and readable can be found.
    `unreadable_sources` are paths that could not be read at the last try. `vectors` is by fingerprint; `interactions`
    (by people) and `simulated_interactions` are by kind, with every kind present. `removed` images are in the bin.
    """

    live: int
    readable: int
    unreadable: int
    public: int
    public_readable: int
    private: int
    blocked: int
    sources: int
    unreadable_sources: int
    vectors: Mapping[str, int]
    users: int
    interactions: Mapping[str, int]
    simulated_interactions: Mapping[str, int]
    grades: int
    queries: int
    removed: int = 0


@dataclass(frozen=True, slots=True)
class VectorBlock:
    """Some rows in ascending order of image and region.

    Attributes:
        image_ids: [rows], of live images; one stands here once for each of its regions.
        regions: [rows] int16.
        vectors: [rows, dimension] float32.
        visibilities: [rows], of the images.
        columns: [rows], of the images.
    """

    image_ids: list[str]
    regions: NDArray[np.int16]
    vectors: Vectors
    visibilities: list[Visibility]
    columns: ImageRows


@dataclass(frozen=True, slots=True)
class Change:
    """The newest state of an image that changed: `vector` is [dimension] float32, or None where there is none (yet).

    A deleted image has `visibility` blocked, so that whoever forgets to look at `deleted` still hides it. `regions` are
    the vectors of its other regions, each [dimension] float32, by ascending region.
    """

    sequence: int
    image_id: str
    deleted: bool
    visibility: Visibility
    vector: NDArray[np.float32] | None
    columns: ImageRow = field(default_factory=image_row)
    regions: tuple[tuple[int, NDArray[np.float32]], ...] = ()


@dataclass(frozen=True, slots=True)
class CatalogState:
    """One committed moment in the history of one catalog.

    Attributes:
        library_id: of the library, drawn once with its catalog.
        sequence: the change sequence's number.
        token: drawn at random by the transaction that reached that number. Two catalogs that went on from the same
            backup reach the same numbers with different tokens.
    """

    library_id: str
    sequence: int
    token: str


BEGINNING = CatalogState("", 0, "")
"""Before the first change: part of every catalog's past."""


@dataclass(frozen=True, slots=True)
class ChangesSince:
    """What changed after a moment, oldest first, each image once; and the moment that this leads to."""

    state: CatalogState
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class LiveModel:
    """The model whose vectors answer searches now."""

    name: str
    fingerprint: str
    dimension: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSince:
    """A model that became live: one step of a library's history.

    Attributes:
        model: that answered from then on.
        since: when.
        because: why, in words; empty where nobody said.
    """

    model: LiveModel
    since: datetime
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRecord:
    """A search that was answered: what was asked, by which generation, and the ids it ranked, best first.

    Attributes:
        id: names it in events and in cursors.
        generation: that answered.
        ranked_ids: best first.
        at: when.
        image_id: the indexed image that was the query, if one was.
        crop: the part of the picture that was the query.
        vector: of the query, float16 little-endian bytes.
        fingerprint: of the model.
        duplicates: by the id of a hit, those of images that look the same and stand behind it.
        same: ids of images that look the same as the query.
        include_self: whether `image_id` may be among the hits.
        neighbors: how many were looked at to rank those.
        images: that could be found then; where it is `neighbors`, no more can be ranked.
        calibration: the cosines that told loose, close and very close hits apart; None where an earlier version wrote.
        same_things: by the id of a hit, those that were verified to show the very same thing.
        simulated: no person asked.
        filters: what hits had to meet, as JSON; None where nothing.
    """

    id: str
    generation: str
    ranked_ids: tuple[str, ...]
    at: datetime
    image_id: str | None = None
    crop: Box | None = None
    vector: bytes | None = None
    fingerprint: str = ""
    duplicates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    same: tuple[str, ...] = ()
    include_self: bool = True
    neighbors: int = 0
    images: int = 0
    calibration: tuple[float, float, float] | None = None
    same_things: Mapping[str, SameThing] = field(default_factory=dict)
    simulated: bool = False
    filters: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedQuery:
    """What is counted of a search that was answered.

    Attributes:
        id: names it in events.
        generation: that answered.
        at: when.
        image_id: the indexed image that was the query; None for a picture that was sent.
        cropped: only a part of the picture was the query.
        hits: how many images it ranked.
        simulated: no person asked.
    """

    id: str
    generation: str
    at: datetime
    image_id: str | None
    cropped: bool
    hits: int
    simulated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedEvent:
    """An event that was not stored, and why.

    Attributes:
        number: of the event in its batch, from 0.
        event_id: its own; may be anything.
        reason: a stable slug, one of `EVENT_REASONS`.
        message: in words.
    """

    number: int
    event_id: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"event {self.number} ({self.event_id[:64]!a}): {self.message}"


EVENT_REASONS = {
    "invalid": "a field is missing, or its value makes no sense",
    "unknown-query": "the query is not known to this library, or is no longer kept",
    "not-shown": "the query did not show that image",
    "beyond-the-list": "the query ranked fewer images than that position",
}
"""Why an event may be refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenEvents:
    """What became of a batch of events.

    Attributes:
        stored: how many were new.
        already_known: how many were stored before, or stood in the batch twice.
        refused: the others, by ascending number.
    """

    stored: int
    already_known: int
    refused: tuple[RefusedEvent, ...] = ()
