import numpy as np
import pytest

from lookalike.training.chance import chance_for


def test_what_is_drawn_depends_on_the_purpose_alone():
    first, again = chance_for("views", 3, "image").random(4), chance_for("views", 3, "image").random(4)
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    ("one", "other"),
    [((1, 2), (2, 1)), (("1",), (1,)), (("ab", "c"), ("a", "bc")), (("a",), ("a", ""))],
)
def test_purposes_that_look_alike_are_different_ones(one, other):
    assert chance_for(*one).random() != chance_for(*other).random()


def test_it_is_the_same_in_every_version():
    """A run goes on to the same bits after an update."""
    assert chance_for("views", 0, "a").integers(0, 2**32) == 595829113
