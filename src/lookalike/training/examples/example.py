"""Training examples: pairs, their negatives, and their weights."""

from dataclasses import dataclass
from enum import StrEnum

from lookalike.training.rows import DescribedRow


class PairSource(StrEnum):
    """Where it is known from that two images belong together."""

    SELF_SUPERVISION = "self-supervision"
    CLICKS = "clicks"
    SIMULATED_CLICKS = "simulated-clicks"
    GRADES = "grades"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A query image and one that answers it.

    Attributes:
        query: image id.
        positive: image id; the query's own where two views of one image are the pair.
        source: where that is known from.
        weight: above 0, how much this pair counts beside others of its source.
        hard_negatives: ids of images that were seen and not taken, or were graded lower.
    """

    query: str
    positive: str
    source: PairSource
    weight: float = 1.0
    hard_negatives: tuple[str, ...] = ()

    @property
    def images(self) -> frozenset[str]:
        """Every image it names."""
        return frozenset((self.query, self.positive, *self.hard_negatives))


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A query, one positive and n - 1 negatives in a random order.

    Attributes:
        query: image id.
        candidates: n image ids.
        label: the index of the positive in `candidates`.
        source: of the pair.
    """

    query: str
    candidates: tuple[str, ...]
    label: int
    source: PairSource


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedQuery:
    """A query image, or a part of one, with everything that was graded for it.

    Attributes:
        query: its name in judgements.
        images: ids, in ascending order.
        grades: 0 to 5, one an image.
    """

    query: str
    images: tuple[str, ...]
    grades: tuple[int, ...]

    @property
    def row(self) -> DescribedRow:
        """The image, or the part of one, that asks."""
        return DescribedRow.parse(self.query)
