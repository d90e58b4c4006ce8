"""Pairs without labels: two views of one image."""

from collections.abc import Iterable

from lookalike.training.examples.example import Pair, PairSource


def self_supervised_pairs(image_ids: Iterable[str]) -> list[Pair]:
    """Each image with itself; `views` makes the two pictures different."""
    return [Pair(query=one, positive=one, source=PairSource.SELF_SUPERVISION) for one in image_ids]
