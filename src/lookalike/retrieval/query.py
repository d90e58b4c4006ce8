"""What is asked and what is answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lookalike.reranking import RankingQuery
from lookalike.types import Crop, Hit


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question: the bytes of a picture or the id of an indexed one, whole or cropped.

    Attributes:
        content: the picture's bytes, or None when `image_id` is given.
        image_id: an indexed public image, or None when `content` is given.
        name: what to call the picture in messages.
        crop: the part that matters, in fractions of the upright picture.
        limit: hits on the first page.
        include_self: whether the indexed image may be its own hit. None: only where a crop of it is the query.
    """

    content: bytes | None = field(default=None, repr=False)
    image_id: str | None = None
    name: str = "query"
    crop: Crop | None = None
    limit: int = 30
    include_self: bool | None = None

    def __post_init__(self) -> None:
        if (self.content is None) == (self.image_id is None):
            raise ValueError("give the query's content or its image_id, and not both")

    @property
    def with_self(self) -> bool:
        """Whether the selected image may be among the hits."""
        if self.include_self is not None:
            return self.include_self
        return self.image_id is None or self.crop is not None

    @property
    def about(self) -> RankingQuery:
        """What re-rankers may know of it."""
        return RankingQuery(image_id=self.image_id, include_self=self.with_self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One page of hits, and what they were made from.

    Attributes:
        query_id: names the question in events and in cursors.
        generation: names the exact state of the index: the same query to the same generation has the same answer.
        hits: this page, best first.
        total: hits that are ranked as yet; frozen, so that pages cannot shift.
        complete: no later page will have more.
        images: in the library that could be found when they were ranked.
        reachable: how many of those can be looked through by paging.
        milliseconds: by stage: decode, embed, search, rerank.
        query_image_id: the indexed image that was asked with, if one was.
        width: of the upright query image, pixels; 0 if it was not looked at.
        height: likewise.
        crop: as asked.
        notes: what the user should know, such as a damaged snapshot that was passed over.
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
    crop: Crop | None = None
    notes: tuple[str, ...] = ()
