"""Which users are programs: the one rule by which clicks are left out of training, metrics and position bias."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from lookalike.types import Interaction, InteractionKind

MOST_CLICKS_IN_MINUTE = 30
"""Nobody who ever clicks more often within 60 seconds is a person."""


def bots(interactions: Iterable[Interaction], *, most: int = MOST_CLICKS_IN_MINUTE) -> set[str]:
    """Ids of users who clicked more often within some minute than people do.

    Args:
        interactions: in any order.
        most: clicks of a person within 60 seconds.
    """
    times = defaultdict(list)
    for event in interactions:
        if event.kind is InteractionKind.CLICK and event.user_id is not None:
            times[event.user_id].append(event.at)
    found = set()
    for user, moments in times.items():
        moments.sort()
        windows = zip(moments, moments[most:], strict=False)
        if any(later - earlier <= timedelta(minutes=1) for earlier, later in windows):
            found.add(user)
    return found
