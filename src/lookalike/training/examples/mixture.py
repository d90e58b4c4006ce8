"""Pairs of several sources, in given proportions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lookalike.errors import TrainingRefused
from lookalike.training.chance import chance_for
from lookalike.training.examples.example import Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredient:
    """Pairs, and their share of the drawn pairs (relative to the other ingredients)."""

    pairs: Sequence[Pair]
    share: float = 1.0


class Mixture:
    """Draws pairs: first the ingredient by its share, then one of its pairs by its weight.

    What step `n` gets depends on the seed and on `n` alone, so that training can go on from any step.

    Raises:
        TrainingRefused: no ingredient, a share or a weight that is not above 0, or an ingredient without pairs.
    """

    def __init__(self, ingredients: Mapping[str, Ingredient], *, seed: int = 0) -> None:
        for name, ingredient in ingredients.items():
            if not ingredient.pairs:
                raise TrainingRefused(
                    f"{name}: there is no pair to learn from; leave this source out, or collect more data"
                )
            if not ingredient.share > 0 or any(not pair.weight > 0 for pair in ingredient.pairs):
                raise TrainingRefused(f"{name}: shares and weights must be above 0")
        if not ingredients:
            raise TrainingRefused("there is nothing to learn from: give at least one source of pairs")
        self._seed = seed
        self._pairs = [ingredient.pairs for ingredient in ingredients.values()]
        shares = np.array([ingredient.share for ingredient in ingredients.values()])
        self._shares = shares / shares.sum()
        self._cumulative = [_cumulative(pairs) for pairs in self._pairs]

    def draw(self, count: int, *, step: int) -> list[Pair]:
        """The pairs of a step, with replacement."""
        chance = chance_for("mixture", self._seed, step)
        sources = chance.choice(len(self._pairs), size=count, p=self._shares)
        places = chance.random(count)
        return [
            self._pairs[source][int(np.searchsorted(self._cumulative[source], place, side="right"))]
            for source, place in zip(sources, places, strict=True)
        ]


def _cumulative(pairs: Sequence[Pair]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """[pairs] float64, ending in exactly 1."""
    sums = np.cumsum([pair.weight for pair in pairs], dtype=np.float64)
    sums /= sums[-1]
    return sums
