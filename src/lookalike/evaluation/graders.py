"""Agreement of people who grade the same things: Krippendorff's alpha.

Krippendorff 2011, "Computing Krippendorff's alpha-reliability". alpha = 1 - observed / expected disagreement, over
pairs of grades of one unit: 1 is perfect agreement, 0 what chance gives, below 0 is systematic disagreement.
"""

from collections.abc import Hashable, Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import EvaluationRefused
from lookalike.evaluation.ranking_metrics import MAX_GRADE

GradeDistance = Literal["ordinal", "interval", "nominal"]
_FEWEST = 2


def krippendorff_alpha(
    grades: Iterable[tuple[Hashable, int]], *, distance: GradeDistance = "ordinal", most: int = MAX_GRADE
) -> float | None:
    """Krippendorff's alpha over units that were graded at least twice; it does not matter by whom.

    Args:
        grades: (unit, grade) in any order; each grader grades a unit once.
        distance: between grades: `ordinal` by how many grades were given between the two, `interval` by their
            difference, `nominal` 1 for any two that differ.
        most: the highest grade.

    Returns:
        alpha; None where no unit has two grades, or all grades are the same, so that chance cannot be told.

    Raises:
        EvaluationRefused: a grade is not from 0 to `most`.
    """
    counts = _counts(grades, most)
    per_unit = counts.sum(axis=1)
    counts, per_unit = counts[per_unit >= _FEWEST], per_unit[per_unit >= _FEWEST]
    totals = counts.sum(axis=0)
    if not len(counts) or np.count_nonzero(totals) < _FEWEST:
        return None
    coincidences = np.einsum("ug,uh,u->gh", counts, counts, 1.0 / (per_unit - 1))
    coincidences -= np.diag((counts / (per_unit - 1)[:, None]).sum(axis=0))
    expected = np.outer(totals, totals) - np.diag(totals)
    apart = _distances(totals, distance)
    return float(1.0 - (totals.sum() - 1) * (coincidences * apart).sum() / (expected * apart).sum())


def _counts(grades: Iterable[tuple[Hashable, int]], most: int) -> NDArray[np.float64]:
    """[units, grades], how often each unit got each grade."""
    rows: dict[Hashable, int] = {}
    given = []
    for unit, grade in grades:
        if not 0 <= grade <= most:
            raise EvaluationRefused(f"grade {grade} of {unit!r} is not from 0 to {most}")
        given.append((rows.setdefault(unit, len(rows)), grade))
    counts = np.zeros((len(rows), most + 1))
    np.add.at(counts, tuple(np.array(given, dtype=np.int64).reshape(-1, 2).T), 1.0)
    return counts


def _distances(totals: NDArray[np.float64], distance: GradeDistance) -> NDArray[np.float64]:
    """[grades, grades], squared."""
    values = np.arange(len(totals), dtype=np.float64)
    if distance == "nominal":
        differ: NDArray[np.float64] = (values[:, None] != values).astype(np.float64)
        return differ
    if distance == "ordinal":  # the sum of the totals between two grades, with half of those of the two
        values = np.cumsum(totals) - totals / 2
    squared: NDArray[np.float64] = (values[:, None] - values) ** 2
    return squared
