"""What is asked and what is answered."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import PIL.Image

from lookalike.errors import ImageRefused
from lookalike.regular_files import read_regular
from lookalike.reranking import RankingQuery
from lookalike.retrieval.facets import Facets
from lookalike.retrieval.filters import NO_FILTERS, Filters
from lookalike.types import Box, Hit


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that need not be in the library.

    Attributes:
        content: its bytes, as a file has them.
        name: what to call it in messages.
    """

    content: bytes = field(repr=False)
    name: str = "query"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedImage:
    """A public image of the library, by its id."""

    image_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the images should show, in words."""

    text: str


Subject: TypeAlias = Picture | IndexedImage | Words
"""What a query can be about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question. `Query.picture`, `Query.image` and `Query.words` make them.

    Attributes:
        subject: a picture, an indexed image, or words.
        crop: the part of the subject that matters; None for all of it. Words have none.
        limit: hits on the first page.
        include_self: whether the indexed image may be its own hit. None: only where a crop of it is the query.
        verify: compare keypoints, and put first what shows the very same thing.
        filters: what every hit meets.
        facets: count tags, owners, orientations and collections of the hits, see `Answer.facets`.
    """

    subject: Subject
    crop: Box | None = None
    limit: int = 30
    include_self: bool | None = None
    verify: bool = False
    filters: Filters = NO_FILTERS
    facets: bool = False

    @classmethod
    def picture(
        cls,
        picture: str | PathLike[str] | bytes | PIL.Image.Image,
        *,
        crop: Box | None = None,
        limit: int = 30,
        verify: bool = False,
        name: str | None = None,
        filters: Filters = NO_FILTERS,
    ) -> "Query":
        """A query by a picture.

        Args:
            picture: a path, a file's bytes, or an image of Pillow.
            crop: the part of it that matters, measured on the upright picture.
            limit: hits on the first page.
            verify: compare keypoints, and put first what shows the very same thing.
            name: what to call it in messages; None for the path.
            filters: what every hit meets.

        Raises:
            ImageRefused: the path names no file that can be read.
        """
        if isinstance(picture, bytes):
            subject = Picture(content=picture, name=name or "query")
        elif isinstance(picture, PIL.Image.Image):
            subject = Picture(content=_as_png(picture), name=name or "query")
        else:
            subject = Picture(content=_read(Path(picture)), name=name or str(picture))
        return cls(subject=subject, crop=crop, limit=limit, verify=verify, filters=filters)

    @classmethod
    def image(
        cls,
        image_id: str,
        *,
        crop: Box | None = None,
        limit: int = 30,
        include_self: bool | None = None,
        verify: bool = False,
        filters: Filters = NO_FILTERS,
    ) -> "Query":
        """A query by an image of the library.

        Args:
            image_id: of a public image.
            crop: the part of it that matters.
            limit: hits on the first page.
            include_self: whether it may be its own hit. None: only where a crop of it is the query.
            verify: compare keypoints, and put first what shows the very same thing.
            filters: what every hit meets.
        """
        subject = IndexedImage(image_id=image_id)
        return cls(subject=subject, crop=crop, limit=limit, include_self=include_self, verify=verify, filters=filters)

    @classmethod
    def words(cls, text: str, *, limit: int = 30) -> "Query":
        """A query by what the images should show. No model can be asked with words yet: searching refuses it."""
        return cls(subject=Words(text=text), limit=limit)

    @property
    def image_id(self) -> str | None:
        """The indexed image that is asked with, whole or cropped, if one is."""
        return self.subject.image_id if isinstance(self.subject, IndexedImage) else None

    @property
    def content(self) -> bytes | None:
        """The bytes of the picture that is asked with, if one is."""
        return self.subject.content if isinstance(self.subject, Picture) else None

    @property
    def about(self) -> RankingQuery:
        """What re-rankers may know of it."""
        include_self = self.include_self
        if include_self is None:
            include_self = self.image_id is None or self.crop is not None
        return RankingQuery(image_id=self.image_id, include_self=include_self)


def _as_png(image: PIL.Image.Image) -> bytes:
    """The file that means the same: its pixels, profile and orientation."""
    exif, profile = image.getexif(), image.info.get("icc_profile")
    if image.mode not in _PNG_MODES:
        image, profile = image.convert("RGB"), None
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=1, exif=exif, icc_profile=profile)
    return stream.getvalue()


_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})


def _read(path: Path) -> bytes:
    try:
        return read_regular(path)[0]
    except OSError as fault:
        raise ImageRefused(str(path), "unreadable", fault.strerror or str(fault)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One page of hits, and what they were made from.

    Attributes:
        query_id: names the question in events and in cursors.
        generation: names the exact state of the index: the same query to the same generation has the same answer.
        hits: this page, best first.
        total: hits that are ranked as yet; frozen, so that pages cannot shift.
        complete: no later page will have more.
        images: in the library that could be found, and met the filters, when they were ranked.
        reachable: how many of those can be looked through by paging.
        milliseconds: by stage: decode, embed, search, rerank.
        query_image_id: the indexed image that was asked with, if one was.
        width: of the upright query image, pixels; 0 if it was not looked at.
        height: likewise.
        crop: as asked, in fractions.
        notes: what the user should know, such as a damaged snapshot that was passed over.
        facets: how many of the ranked hits have each tag, owner and so on; None where the query did not ask.
        indexed_as: the public image of the library that has the bytes of the picture that was asked with, if there is
            one; looked up for first pages only.
    """

    query_id: str
    generation: str
    hits: tuple[Hit, ...]
    total: int
    complete: bool
    images: int
    reachable: int
    milliseconds: Mapping[str, float]
    query_image_id: str | None = None
    width: int = 0
    height: int = 0
    crop: Box | None = None
    notes: tuple[str, ...] = ()
    facets: Facets | None = None
    indexed_as: str | None = None
