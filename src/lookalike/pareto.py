"""The Pareto front of what was measured by several numbers."""

from collections.abc import Callable, Iterable
from typing import TypeVar

_Item = TypeVar("_Item")


def pareto_front(items: Iterable[_Item], merits: Callable[[_Item], tuple[float, ...]]) -> list[_Item]:
    """Those that no other beats: as good in everything, and better in something. In their order.

    Args:
        items: what was measured.
        merits: its numbers, of which more is better; none may be NaN.
    """
    measured = [(item, merits(item)) for item in items]
    return [item for item, mine in measured if not any(_beats(other, mine) for _, other in measured)]


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(mine >= its for mine, its in zip(one, other, strict=True))
