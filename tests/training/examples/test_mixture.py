from collections import Counter

import pytest

from lookalike.errors import TrainingRefused
from lookalike.training.examples import (
    Ingredient,
    Mixture,
    PairSource,
)
from training.examples.made_pairs import pair


def test_a_mixture_keeps_shares_and_weights():
    clicks = [pair("a", "b", source=PairSource.CLICKS, weight=3), pair("a", "c", source=PairSource.CLICKS, weight=1)]
    grades = [pair("a", "d")]
    mixture = Mixture({"clicks": Ingredient(pairs=clicks, share=2), "grades": Ingredient(pairs=grades, share=1)})
    drawn = Counter(one.positive for one in mixture.draw(12_000, step=0))
    assert drawn["d"] / 12_000 == pytest.approx(1 / 3, abs=0.03)
    assert drawn["b"] / 12_000 == pytest.approx(1 / 2, abs=0.03)
    assert drawn["c"] / 12_000 == pytest.approx(1 / 6, abs=0.03)


def test_what_a_step_draws_depends_on_seed_and_step_alone():
    ingredients = {"self": Ingredient(pairs=[pair(one, one) for one in "abcdefghij"])}
    first, again = Mixture(ingredients, seed=1), Mixture(ingredients, seed=1)
    again.draw(5, step=0)
    assert first.draw(5, step=7) == again.draw(5, step=7)
    assert first.draw(20, step=7) != first.draw(20, step=8)
    assert first.draw(20, step=7) != Mixture(ingredients, seed=2).draw(20, step=7)


def test_a_mixture_of_nothing_is_refused():
    with pytest.raises(TrainingRefused, match="nothing to learn from"):
        Mixture({})
    with pytest.raises(TrainingRefused, match="clicks: there is no pair"):
        Mixture({"clicks": Ingredient(pairs=[])})
    with pytest.raises(TrainingRefused, match="above 0"):
        Mixture({"grades": Ingredient(pairs=[pair("a", "b", weight=0.0)])})
