"""Two images that are copies, and what says so."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Reason(StrEnum):
    """Which rule found a pair."""

    LOOK = "same-look"
    TURNED = "turned"
    DETAILS = "same-details"
    MIRRORED_DETAILS = "same-details-mirrored"


class Sureness(StrEnum):
    """How sure a rule is, the least sure first."""

    LIKELY = "likely"
    VERY_LIKELY = "very-likely"
    CERTAIN = "certain"

    @property
    def level(self) -> int:
        """0 for the least sure."""
        return list(Sureness).index(self)


_MANY_INLIERS = 30
_MUCH_LUMA = 0.98


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyPair:
    """Two images that are copies of each other.

    Attributes:
        one: the id of an image.
        other: the id of another, above it in the order of ids.
        reason: the rule.
        cosine: of the images' vectors.
        turn: how the other is turned or mirrored, where that is the reason, in words.
        inliers: matching details, where those are the reason.
        luma: correlation of brightness where the pictures overlap, where details are the reason.
    """

    one: str
    other: str
    reason: Reason
    cosine: float
    turn: str = ""
    inliers: int = 0
    luma: float = 0

    @property
    def sure(self) -> Sureness:
        """How sure it is: the whole look, then many details and pixels that agree closely, then the others."""
        if self.reason in {Reason.LOOK, Reason.TURNED}:
            return Sureness.CERTAIN
        many = self.inliers >= _MANY_INLIERS and self.luma >= _MUCH_LUMA
        return Sureness.VERY_LIKELY if many else Sureness.LIKELY

    def as_document(self) -> dict[str, Any]:
        """For files and programs."""
        return asdict(self)

    @classmethod
    def of_document(cls, document: dict[str, Any]) -> "CopyPair":
        """What `as_document` gave."""
        return cls(**document | {"reason": Reason(document["reason"])})
