"""Agreement between an exported model and the trained one; without torch, so that cards can be read anywhere."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How far what serves is from what was trained, over the pictures that were given.

    Attributes:
        pictures: compared.
        most_error: largest difference of two values of unit vectors.
        least_cosine: of a picture's two vectors.
        recall: share of each picture's 10 nearest others (all others, when there are fewer) by the trained network
            that are also among the 10 nearest by what serves; nearest of equal closeness count as each other.
    """

    pictures: int
    most_error: float
    least_cosine: float
    recall: float
