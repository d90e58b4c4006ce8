from datetime import UTC, datetime

import pytest

from lookalike.catalog import QueuedPair
from lookalike.errors import CallerError
from lookalike.types import Box, Grade

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
QUERY, ONE, OTHER = "a" * 32, "b" * 32, "c" * 32
CROP = Box(x=0.1, y=0.2, width=0.3, height=0.4)


def pair(number, image_id, crop=None):
    return QueuedPair(
        judgement_set="grades",
        query_image_id=QUERY,
        image_id=image_id,
        crop=crop,
        number=number,
        strategy="random",
        added_at=NOON,
    )


def test_pairs_wait_in_their_order_until_they_are_graded(catalog):
    pairs = [pair(0, OTHER), pair(1, ONE), pair(2, ONE, CROP)]
    catalog.grading_queue.fill("grades", list(reversed(pairs)))
    assert catalog.grading_queue.waiting("grades") == pairs
    catalog.judgements.write([Grade(query_image_id=QUERY, image_id=ONE, grade=3, at=NOON)])
    assert catalog.grading_queue.waiting("grades") == [pairs[0], pairs[2]], "a crop is another query"
    assert catalog.grading_queue.count("grades") == 2
    assert catalog.grading_queue.waiting("others") == []


def test_filling_again_replaces_what_waits(catalog):
    catalog.grading_queue.fill("grades", [pair(0, ONE)])
    catalog.grading_queue.fill("grades", [pair(0, OTHER)])
    assert [one.image_id for one in catalog.grading_queue.waiting("grades", limit=1)] == [OTHER]


def test_what_is_no_image_is_refused(catalog):
    with pytest.raises(CallerError, match="does not name two images"):
        catalog.grading_queue.fill("grades", [pair(0, "no id")])
