"""What clicks in interleaved lists say about the two rankers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Key = TypeVar("Key")

CONTROL, CHALLENGER = 1, 2
"""Teams, as interleaving numbers them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credits:
    """Preferences of queries.

    Attributes:
        preferences: [queries] int8: 1 where the challenger got more clicks, -1 where the control did, 0 for a tie or
            no click.
        wins: queries that prefer the challenger.
        losses: queries that prefer the control.
        ties: clicked queries without a preference.
        unclicked: queries without a click.
    """

    preferences: NDArray[np.int8]
    wins: int
    losses: int
    ties: int
    unclicked: int


SATISFIED_SECONDS = 5.0
"""A shorter look at a clicked image is no satisfied click."""

_DWELLS_KNOWN = 0.5  # share of the clicks with a dwell, from which the others are taken as looks of no length


def satisfied_clicks(clicked: Sequence[Sequence[Key]], dwells: Sequence[Mapping[Key, float]]) -> list[Sequence[Key]]:
    """The clicks that led to a look of some seconds; all clicks where dwells are mostly unknown.

    People click on what looks right in small and turn away when it is not, so that satisfied clicks tell rankers apart
    with fewer queries (Fox et al. 2005, "Evaluating implicit measures to improve web search"; for interleaving, Schuth
    et al. 2015, "Predicting search satisfaction metrics with interleaved comparisons").

    Args:
        clicked: what was clicked, such as the ranks of each query.
        dwells: seconds by what was clicked.
    """
    known = sum(key in seconds for keys, seconds in zip(clicked, dwells, strict=True) for key in keys)
    if known < _DWELLS_KNOWN * sum(map(len, clicked)):
        return list(clicked)
    return [
        [key for key in keys if seconds.get(key, 0.0) >= SATISFIED_SECONDS]
        for keys, seconds in zip(clicked, dwells, strict=True)
    ]


def credit(queries: Iterable[tuple[Sequence[int], Sequence[int]]]) -> Credits:
    """Each click is credited to the team that put the hit there; a query prefers the team with more clicks.

    A click on a hit of both teams is credited to neither.

    Args:
        queries: (teams by rank from 1, clicked ranks) of each query; ranks beyond the teams are left out.
    """
    preferences, ties, unclicked = [], 0, 0
    for teams, clicks in queries:
        credited = [teams[rank - 1] for rank in clicks if 1 <= rank <= len(teams)]
        balance = credited.count(CHALLENGER) - credited.count(CONTROL)
        preferences.append((balance > 0) - (balance < 0))
        ties += bool(credited) and not balance
        unclicked += not credited
    found = np.array(preferences, dtype=np.int8)
    return Credits(
        preferences=found,
        wins=int((found > 0).sum()),
        losses=int((found < 0).sum()),
        ties=ties,
        unclicked=unclicked,
    )
