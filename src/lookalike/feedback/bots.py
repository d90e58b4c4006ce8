"""Which users are programs: the one rule by which clicks are left out of training, metrics and position bias."""

from collections.abc import Iterable

import numpy as np

from lookalike.feedback.days import Integers, microseconds
from lookalike.types import Interaction, InteractionKind

MOST_CLICKS_IN_MINUTE = 30
"""Nobody who ever clicks more often within 60 seconds is a person."""

_MINUTE = 60_000_000  # microseconds


def bots(interactions: Iterable[Interaction], *, most: int = MOST_CLICKS_IN_MINUTE) -> set[str]:
    """Ids of users who clicked more often within some minute than people do.

    Args:
        interactions: in any order.
        most: clicks of a person within 60 seconds.
    """
    clicks = [event for event in interactions if event.kind is InteractionKind.CLICK and event.user_id is not None]
    users = sorted({event.user_id for event in clicks if event.user_id is not None})
    numbers = {user: number for number, user in enumerate(users)}
    person = np.array([numbers[event.user_id or ""] for event in clicks], dtype=np.int64)
    at = np.array([microseconds(event.at) for event in clicks], dtype=np.int64)
    return {users[number] for number in too_quick(person, at, most).tolist()}


def too_quick(person: Integers, at: Integers, most: int) -> Integers:
    """People with more than `most` clicks within some 60 seconds, ascending.

    Args:
        person: [clicks].
        at: [clicks], microseconds.
        most: clicks.
    """
    if len(at) <= most:
        return np.empty(0, dtype=np.int64)
    order = np.lexsort((at, person))
    person, at = person[order], at[order]
    same = person[most:] == person[:-most]
    quick = at[most:] - at[:-most] <= _MINUTE
    return np.unique(person[most:][same & quick])
