"""How many of the hits have each tag, owner, orientation and collection."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lookalike.retrieval.filters import Orientation
from lookalike.types import Image

MOST_VALUES = 100
"""Values that are counted for each facet: those of the most hits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """Counts over the hits that are ranked so far; each mapping has the most frequent values first.

    Attributes:
        hits: how many were counted.
        tags: hits with each tag.
        owners: hits of each owner.
        orientations: hits of each orientation.
        collections: hits in each collection.
    """

    hits: int
    tags: Mapping[str, int]
    owners: Mapping[str, int]
    orientations: Mapping[str, int]
    collections: Mapping[str, int]


def count_facets(images: Iterable[Image], *, collections: Mapping[str, int]) -> Facets:
    """The facets of images that may be shown.

    Args:
        images: the hits.
        collections: how many of them are in each collection.
    """
    hits = list(images)
    return Facets(
        hits=len(hits),
        tags=_most_frequent(Counter(tag for image in hits for tag in set(image.tags))),
        owners=_most_frequent(Counter(image.owner_id for image in hits if image.owner_id is not None)),
        orientations=_most_frequent(Counter(str(Orientation.of(image.width, image.height)) for image in hits)),
        collections=_most_frequent(collections),
    )


def _most_frequent(counts: Mapping[str, int]) -> dict[str, int]:
    """Equal counts in the order of names."""
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_VALUES])
