"""Pairs of copies to groups."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from lookalike.duplicates.pairs import CopyPair
from lookalike.types import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyGroup:
    """An image, and its copies. Every copy was compared with that image itself: groups do not grow by chains.

    Attributes:
        kept: the id of the image to keep.
        copies: by the id of each copy, the pair that says so.
    """

    kept: str
    copies: dict[str, CopyPair]


def group_copies(
    pairs: Iterable[CopyPair], images: dict[str, Image], *, preferred: Callable[[Image], Any]
) -> list[CopyGroup]:
    """Groups of copies; each image is in one group at most.

    Args:
        pairs: of copies.
        images: by id; pairs of others are left out.
        preferred: a key by which the image to keep is lowest; equal ones by id.
    """
    neighbours: dict[str, dict[str, CopyPair]] = {}
    for pair in pairs:
        if pair.one in images and pair.other in images:
            neighbours.setdefault(pair.one, {})[pair.other] = pair
            neighbours.setdefault(pair.other, {})[pair.one] = pair
    grouped: set[str] = set()
    groups = []
    for image_id in sorted(neighbours, key=lambda one: (preferred(images[one]), one)):
        copies = {other: pair for other, pair in sorted(neighbours[image_id].items()) if other not in grouped}
        if image_id not in grouped and copies:
            groups.append(CopyGroup(kept=image_id, copies=copies))
            grouped.update({image_id}, copies)
    return groups
