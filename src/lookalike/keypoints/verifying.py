"""Whether two pictures show the very same thing: enough details alike, in places that one map explains."""

from dataclasses import dataclass, field

from lookalike.keypoints.alignment import Alignment, Tolerance, align
from lookalike.keypoints.matching import matches
from lookalike.keypoints.points import Keypoints
from lookalike.types import SameThing


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When two pictures count as showing the same thing.

    Attributes:
        ratio: of Lowe's test, see `matches`.
        least_inliers: details that must be at matching places.
        tolerance: what counts as a matching place.
    """

    ratio: float = 0.9
    least_inliers: int = 10
    tolerance: Tolerance = field(default_factory=Tolerance)


def aligned(query: Keypoints, other: Keypoints, rule: Rule) -> Alignment | None:
    """How a picture lies in another one that shows the same thing; None where nothing says that it does."""
    pairs = matches(query.words, other.words, ratio=rule.ratio)
    if len(pairs) < rule.least_inliers:
        return None
    alignment = align(query, other, pairs, rule.tolerance)
    return alignment if alignment is not None and alignment.inliers >= rule.least_inliers else None


def same_thing(query: Keypoints, other: Keypoints, rule: Rule) -> SameThing | None:
    """What says that a picture shows the same thing as a query; None where nothing does."""
    alignment = aligned(query, other, rule)
    outline = () if alignment is None else alignment.outline(query, other)
    return SameThing(inliers=alignment.inliers, outline=outline) if alignment is not None and outline else None
