"""Splitting into training, validation and test, so that no part contains images of another."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lookalike.training.examples.example import GradedQuery, Pair


class Part(StrEnum):
    """The part of a split."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitShares:
    """How much of the groups goes where, and which division it is.

    Attributes:
        validation: share of the groups, 0 to 1.
        test: share of the groups; the rest is for training.
        seed: another one divides otherwise.

    Raises:
        ValueError: shares that leave nothing for training.
    """

    validation: float = 0.15
    test: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.validation >= 0 and self.test >= 0 and self.validation + self.test < 1):
            raise ValueError(f"shares of {self.validation} and {self.test}: both from 0, together below 1")

    def part_of(self, group: str) -> Part:
        """Where a group goes: by the hash of its name, so that other groups coming or going move nothing."""
        digest = hashlib.sha256(f"{self.seed}:{group}".encode()).digest()
        place = int.from_bytes(digest[:8]) / 2**64
        if place < self.test:
            return Part.TEST
        return Part.VALIDATION if place < self.test + self.validation else Part.TRAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The part of every image.

    Attributes:
        parts: image id -> part. Images of one group are in one part.
    """

    parts: Mapping[str, Part]

    def images(self, part: Part) -> tuple[str, ...]:
        """Ids of the images of one part, ascending."""
        return tuple(sorted(image_id for image_id, its in self.parts.items() if its is part))

    def pairs(self, pairs: Iterable[Pair], part: Part) -> list[Pair]:
        """Pairs whose query and positive are both in that part, with their hard negatives that are in it.

        A pair that has one image here and one there is in no part: it would show a test image in training.
        """
        kept = []
        for pair in pairs:
            if self.parts.get(pair.query) is part and self.parts.get(pair.positive) is part:
                negatives = tuple(one for one in pair.hard_negatives if self.parts.get(one) is part)
                kept.append(
                    Pair(
                        query=pair.query,
                        positive=pair.positive,
                        source=pair.source,
                        weight=pair.weight,
                        hard_negatives=negatives,
                    )
                )
        return kept

    def graded(self, queries: Iterable[GradedQuery], part: Part) -> list[GradedQuery]:
        """Queries of that part, with the grades of images of that part; what has none left is gone."""
        kept = []
        for query in queries:
            if self.parts.get(query.query) is not part:
                continue
            judged = zip(query.images, query.grades, strict=True)
            here = [(image, grade) for image, grade in judged if self.parts.get(image) is part]
            if here:
                images, grades = zip(*here, strict=True)
                kept.append(GradedQuery(query=query.query, images=images, grades=grades))
        return kept

    def queries(self, query_ids: Iterable[str], part: Part) -> list[str]:
        """The query images that are in one part, in the given order."""
        return [query for query in query_ids if self.parts.get(query) is part]


def split(image_ids: Sequence[str], groups: Mapping[str, str], shares: SplitShares = SplitShares()) -> Split:
    """Divide images by group, never by row: all near-duplicates of an image, and all its queries, go with it.

    Args:
        image_ids: of all images.
        groups: image id -> name of its group (see `near_duplicate_groups`); others are their own. Groups of another
            kind, such as what a shop calls one article type, make a test of what was never seen.
        shares: how much goes where.
    """
    return Split(parts={image_id: shares.part_of(groups.get(image_id, image_id)) for image_id in image_ids})
