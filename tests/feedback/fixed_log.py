"""A log that crosses midnight, a change of clocks and the end of a month in Berlin, with what to expect of it.

Clocks went back in the night to 2026-10-25, a Sunday of 25 hours: until then Berlin was two hours ahead of UTC, and one
hour afterwards. Every number below was worked out by hand from the comments.
"""

from datetime import datetime
from typing import Any

from lookalike.catalog import AskedQuery, QueryRecord
from lookalike.types import Box, Interaction, InteractionKind

A, B, C, D, E, QUERY = (digit * 32 for digit in "abcdef")
IMAGES = (A, B, C, D, E, QUERY)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}+00:00")


SEARCHES = [
    QueryRecord(id="q1", generation="g1", ranked_ids=IMAGES, at=at("10-24T21:49:00"), image_id=QUERY),
    QueryRecord(id="q2", generation="g1", ranked_ids=IMAGES, at=at("10-25T22:29:00")),
    QueryRecord(
        id="q3", generation="g2", ranked_ids=IMAGES, at=at("10-26T09:59:00"), image_id=QUERY,
        crop=Box(x=0, y=0, width=0.5, height=0.5),
    ),
    QueryRecord(id="q4", generation="g2", ranked_ids=(), at=at("10-27T09:00:00")),
    QueryRecord(id="q5", generation="g2", ranked_ids=IMAGES, at=at("10-31T22:58:00"), image_id=QUERY),
    QueryRecord(id="q6", generation="g2", ranked_ids=IMAGES, at=at("10-28T10:00:00"), image_id=QUERY),
    QueryRecord(id="q7", generation="g2", ranked_ids=(), at=at("10-28T11:00:00"), simulated=True),
]  # fmt: skip

_numbers = iter(range(1000))


def event(query: str, image: str, kind: str, when: str, **more: Any) -> Interaction:
    position = IMAGES.index(image) + 1
    return Interaction(
        event_id=f"e{next(_numbers):03}", query_id=query, image_id=image, position=position,
        kind=InteractionKind(kind), at=at(when), **more,
    )  # fmt: skip


ANN, BOB = {"user_id": "ann", "client_id": "phone"}, {"client_id": "browser-of-bob", "session_id": "s"}

EVENTS = [
    event("q1", A, "impression", "10-24T21:50:00", **ANN),  # Saturday 24th, 23:50
    event("q1", QUERY, "impression", "10-24T21:50:01", **ANN),  # the query itself
    event("q1", B, "impression", "10-24T22:05:00", **ANN),  # Sunday 25th, 00:05
    event("q1", A, "click", "10-24T22:10:00", **ANN),  # 25th
    event("q1", QUERY, "click", "10-24T22:11:00", **ANN),  # the query itself
    event("q1", A, "dwell", "10-24T22:12:00", dwell_seconds=60.0, **ANN),  # 25th
    event("q2", A, "impression", "10-25T22:30:00", **BOB),  # 25th, 23:30: an hour earlier than without the change
    event("q2", A, "click", "10-25T22:31:00", **BOB),  # 25th
    event("q2", A, "click", "10-25T22:32:00", **BOB),  # again: counts once
    event("q2", A, "dwell", "10-25T22:59:59", dwell_seconds=30.0, **BOB),  # 25th, one second before midnight
    event("q2", C, "impression", "10-25T23:30:00", **BOB),  # Monday 26th, 00:30
    event("q2", C, "not_similar", "10-25T23:31:00", **BOB),  # 26th
    event("q3", E, "impression", "10-26T10:00:00", **ANN),  # 26th, and nothing came of it
    *(event("q6", A, "click", f"10-28T10:00:{second:02}", client_id="robot") for second in range(31)),
    event("q1", A, "save", "10-28T12:00:00", user_id="nobody", simulated=True),
    event("q5", D, "impression", "10-31T22:59:00", **ANN),  # Saturday 31st, 23:59
    event("q5", D, "click", "10-31T23:00:30", **ANN),  # Sunday, 1 November, 00:00:30
    event("q5", D, "save", "10-31T23:00:40", **ANN),
    event("q5", D, "dwell", "10-31T23:01:00", dwell_seconds=120.0, **ANN),  # 1 November
]

DAYS = [  # day, shown, clicks, seconds, people
    ("2026-10-24", 1, 0, 0.0, 1),
    ("2026-10-25", 2, 2, 90.0, 2),
    ("2026-10-26", 2, 0, 0.0, 2),
    ("2026-10-27", 0, 0, 0.0, 0),
    ("2026-10-28", 0, 0, 0.0, 0),
    ("2026-10-29", 0, 0, 0.0, 0),
    ("2026-10-30", 0, 0, 0.0, 0),
    ("2026-10-31", 1, 0, 0.0, 1),
    ("2026-11-01", 0, 1, 120.0, 1),
]
TIME_SPENT = [  # unit, seconds, periods, average, active people in them, average for each of these
    ("day", 210.0, 9, 210 / 9, 7, 30.0),  # Ann on the 24th, 25th, 26th, 31st and 1st, Bob on the 25th and 26th
    ("week", 210.0, 2, 105.0, 4, 52.5),  # to Sunday 25th, and from Monday 26th; both of them in each
    ("month", 210.0, 2, 105.0, 3, 70.0),  # Ann in both, Bob in October
]


def asked(record: QueryRecord) -> AskedQuery:
    return AskedQuery(
        id=record.id, generation=record.generation, at=record.at, image_id=record.image_id,
        cropped=record.crop is not None, hits=len(record.ranked_ids), simulated=record.simulated,
    )  # fmt: skip
