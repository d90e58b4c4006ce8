"""Negatives for a pair: hard ones first, then random ones, and never one that may be a positive."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from lookalike.errors import TrainingRefused
from lookalike.training.examples.example import Example, Pair

_TRIES = 4


class NegativeSampler:
    """Makes examples of n candidates: one positive, the pair's hard negatives, random images.

    A negative is never of the group of the query or of the positive, never a positive of the same query in another
    pair, and never twice in one example.
    """

    def __init__(self, pool: Iterable[str], pairs: Iterable[Pair], groups: Mapping[str, str]) -> None:
        """Prepare to draw.

        Args:
            pool: ids of the images random negatives come from, of the part that is trained on.
            pairs: all that are known, so that what answers a query is not its negative.
            groups: image id -> name of its group; an image that is not named is its own.
        """
        self._pool: Sequence[str] = tuple(dict.fromkeys(pool))
        self._groups = groups
        self._positive_groups: dict[str, set[str]] = defaultdict(set)
        for pair in pairs:
            self._positive_groups[self._group(pair.query)].add(self._group(pair.positive))

    def example(self, pair: Pair, *, candidates: int, chance: np.random.Generator) -> Example:
        """One example, its positive at a random place.

        Args:
            pair: what it is made of.
            candidates: n, at least 2: one positive and n - 1 negatives.
            chance: decides; the same state makes the same example.

        Raises:
            TrainingRefused: there are not that many images that may be negatives.
        """
        own = self._group(pair.query)
        barred = {own, self._group(pair.positive)} | self._positive_groups.get(own, set())
        hard = [one for one in dict.fromkeys(pair.hard_negatives) if self._group(one) not in barred]
        chosen = hard[: candidates - 1]
        chosen += self._drawn(candidates - 1 - len(chosen), barred, set(chosen), chance)
        order = chance.permutation(candidates)
        mixed = [(pair.positive, *chosen)[place] for place in order]
        label = int(np.flatnonzero(order == 0)[0])
        return Example(query=pair.query, candidates=tuple(mixed), label=label, source=pair.source)

    def _group(self, image_id: str) -> str:
        return self._groups.get(image_id, image_id)

    def _drawn(self, count: int, barred: set[str], taken: set[str], chance: np.random.Generator) -> list[str]:
        found: dict[str, None] = {}
        if count and self._pool:  # mostly few are barred, so a few draws find enough
            for place in chance.integers(len(self._pool), size=_TRIES * count):
                self._add(found, self._pool[place], barred, taken)
        if len(found) < count:
            for place in chance.permutation(len(self._pool)):
                self._add(found, self._pool[place], barred, taken)
        if len(found) < count:
            raise TrainingRefused(
                f"only {len(found) + len(taken)} images may be negatives, {count + len(taken)} are needed: ask for"
                " fewer candidates, or train on more images"
            )
        return list(found)[:count]

    def _add(self, found: dict[str, None], image_id: str, barred: set[str], taken: set[str]) -> None:
        if image_id not in taken and self._group(image_id) not in barred:
            found.setdefault(image_id)
