"""A query's name in files: an image, or a part of one in the W3C's spelling of media fragments.

`shoes/17.jpg` is the whole image; `shoes/17.jpg#xywh=percent:25,25,50,50` its middle;
`shoes/17.jpg#xywh=pixel:10,20,300,200` a part in pixels of the upright image. So a query with a crop is one word in
TREC files, tables and Label Studio alike, and no format needs columns of its own for it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from lookalike.types import Crop

_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_FRAGMENT = re.compile(rf"#xywh=(?:(percent|pixel):)?({_NUMBER}),({_NUMBER}),({_NUMBER}),({_NUMBER})$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A rectangle as a file gives it: not yet checked against any image.

    Attributes:
        x: left edge, in `unit`s of the upright image.
        y: top edge.
        width: of the rectangle.
        height: of the rectangle.
        unit: per cent of the image's sides, or pixels.
    """

    x: float
    y: float
    width: float
    height: float
    unit: Literal["percent", "pixel"] = "percent"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedQuery:
    """What a query's name says; `str()` gives the name back.

    Attributes:
        image: the image's name.
        region: the part of it that is the query, or None for the whole.
    """

    image: str
    region: Region | None = None

    def __str__(self) -> str:
        if self.region is None:
            return self.image
        part = self.region
        numbers = ",".join(f"{value:.8g}" for value in (part.x, part.y, part.width, part.height))
        return f"{self.image}#xywh={part.unit}:{numbers}"

    @classmethod
    def parse(cls, name: str) -> "JudgedQuery":
        """The image and the region in a query's name. A name without a well-formed fragment is an image, whole."""
        match = _FRAGMENT.search(name)
        if match is None:
            return cls(image=name)
        x, y, width, height = (float(match[group]) for group in (2, 3, 4, 5))
        unit: Literal["percent", "pixel"] = "percent" if match[1] == "percent" else "pixel"
        return cls(image=name[: match.start()], region=Region(x=x, y=y, width=width, height=height, unit=unit))

    def crop(self, image_size: tuple[int, int]) -> Crop | None:
        """The region as a crop of an upright image of (width, height) pixels; None for the whole image.

        Raises:
            CropRefused: the region has no area or leaves the image.
        """
        part = self.region
        if part is None:
            return None
        if part.unit == "pixel":
            return Crop.from_pixels(part.x, part.y, part.width, part.height, image_size=image_size)
        return Crop(x=part.x / 100, y=part.y / 100, width=part.width / 100, height=part.height / 100)


def own_images(queries: Iterable[str], *, crops: bool = False) -> dict[str, frozenset[str]]:
    """The image each query was made from: what to leave out of its ranking, since finding it shows nothing.

    Args:
        queries: names.
        crops: whether to include queries that are a part of an image. Finding the image that a part was cut from is
            often the very thing to measure, so by default they are left as they are.
    """
    parsed = {name: JudgedQuery.parse(name) for name in queries}
    return {name: frozenset({query.image}) for name, query in parsed.items() if crops or query.region is None}
