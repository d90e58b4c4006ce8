import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import EvaluationRefused
from lookalike.evaluation.graders import krippendorff_alpha

# The example of Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section C: four observers, twelve
# units, values 1 to 5; "." is a missing value. The paper gives alpha for each kind of distance.
TABLE = ("1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 .")


def published():
    return [(unit, int(value)) for row in TABLE for unit, value in enumerate(row.split()) if value != "."]


@pytest.mark.parametrize(("distance", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_the_published_example(distance, alpha):
    assert krippendorff_alpha(published(), distance=distance) == pytest.approx(alpha, abs=0.0005)


def by_pairs(grades):
    """The definition with interval distances, pair by pair."""
    units = {}
    for unit, grade in grades:
        units.setdefault(unit, []).append(grade)
    kept = [given for given in units.values() if len(given) > 1]
    observed = sum(
        sum((one - other) ** 2 for one, other in itertools.permutations(given, 2)) / (len(given) - 1) for given in kept
    )
    values = [value for given in kept for value in given]
    expected = sum((one - other) ** 2 for one, other in itertools.permutations(values, 2)) / (len(values) - 1)
    return 1 - observed / expected if expected else None


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5)), max_size=40))
def test_it_is_the_definition(grades):
    alpha, expected = krippendorff_alpha(grades, distance="interval"), by_pairs(grades) if grades else None
    assert (alpha is None) == (expected is None)
    assert alpha == (None if expected is None else pytest.approx(expected))


def test_perfect_agreement_is_one_and_chance_about_zero():
    rng = np.random.default_rng(1)
    same = [(unit, unit % 6) for unit in range(60) for _ in range(2)]
    assert krippendorff_alpha(same) == pytest.approx(1.0)
    drawn = [(unit, int(rng.integers(6))) for unit in range(4_000) for _ in range(2)]
    assert krippendorff_alpha(drawn) == pytest.approx(0.0, abs=0.05)


def test_where_nothing_can_be_said_there_is_no_number():
    assert krippendorff_alpha([]) is None
    assert krippendorff_alpha([("a", 1), ("b", 2)]) is None, "no unit has two grades"
    assert krippendorff_alpha([("a", 3), ("a", 3), ("b", 3), ("b", 3)]) is None, "all the same: chance cannot be told"
    with pytest.raises(EvaluationRefused, match="not from 0 to 5"):
        krippendorff_alpha([("a", 6)])
