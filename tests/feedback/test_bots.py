from datetime import UTC, datetime, timedelta

from lookalike.feedback.bots import bots
from lookalike.types import Interaction, InteractionKind

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def clicks(user, seconds):
    return [
        Interaction(
            event_id=f"{user}-{number}",
            query_id="q",
            image_id="0" * 32,
            position=1,
            kind=InteractionKind.CLICK,
            at=NOON + timedelta(seconds=second),
            user_id=user,
        )
        for number, second in enumerate(seconds)
    ]


def test_who_clicks_more_than_thirty_times_in_a_minute_is_a_program():
    fast, slow = clicks("fast", range(31)), clicks("slow", range(0, 310, 10))
    assert bots([*slow, *reversed(fast)]) == {"fast"}
    assert bots(clicks("fast", range(30))) == set()


def test_clicks_of_nobody_in_particular_are_no_program():
    assert bots(clicks(None, range(100))) == set()
