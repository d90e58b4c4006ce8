"""A query's name in files: an image, or a part of one in the W3C's spelling of media fragments.

`shoes/17.jpg` is the whole image; `shoes/17.jpg#xywh=percent:25,25,50,50` its middle;
`shoes/17.jpg#xywh=pixel:10,20,300,200` a part in pixels of the upright image. So a query with a crop is one word in
TREC files, tables and Label Studio alike, and no format needs columns of its own for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from lookalike.types import Box

_FRAGMENT = "#xywh="


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedQuery:
    """What a query's name says; `str()` gives the name back.

    Attributes:
        image: the image's name.
        region: the part of it that is the query, or None for the whole.
    """

    image: str
    region: Box | None = None

    def __str__(self) -> str:
        return self.image if self.region is None else f"{self.image}{_FRAGMENT}{self.region.fragment}"

    @classmethod
    def parse(cls, name: str) -> "JudgedQuery":
        """The image and the region in a query's name. A name without a well-formed fragment is an image, whole.

        Raises:
            CropRefused: the region has no area, or is more than the whole image.
        """
        image, found, box = name.rpartition(_FRAGMENT)
        if not found or not Box.is_written_in(box):
            return cls(image=name)
        return cls(image=image, region=Box.parse(box, unit="pixel"))

    def crop(self, image_size: tuple[int, int]) -> Box | None:
        """The region in fractions of an upright image of (width, height) pixels; None for the whole image.

        Raises:
            CropRefused: the region leaves the image.
        """
        return None if self.region is None else self.region.as_fractions(*image_size)


def own_images(queries: Iterable[str], *, crops: bool = False) -> dict[str, frozenset[str]]:
    """The image each query was made from: what to leave out of its ranking, since finding it shows nothing.

    Args:
        queries: names.
        crops: whether to include queries that are a part of an image. Finding the image that a part was cut from is
            often the very thing to measure, so by default they are left as they are.
    """
    parsed = {name: JudgedQuery.parse(name) for name in queries}
    return {name: frozenset({query.image}) for name, query in parsed.items() if crops or query.region is None}
