from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lookalike.catalog import ADJUDICATION, QueuedPair
from lookalike.errors import CallerError
from lookalike.types import Box, Grade, Visibility

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


def test_a_grader_sees_what_they_have_not_graded_and_nobody_adjudicated(library, catalog):
    query, one, other, hidden = (library.addition(name).content_id for name in "qabc")
    catalog.images.add([library.addition(name) for name in "qabc"])
    catalog.images.update(hidden, visibility=Visibility.PRIVATE)
    pairs = [replace(pair(number, image), query_image_id=query) for number, image in enumerate((one, other, hidden))]
    catalog.grading_queue.fill("grades", pairs)
    grade = Grade(query_image_id=query, image_id=one, grade=3, at=NOON, user_id="ann", judgement_set="grades")
    catalog.judgements.write([grade])
    assert catalog.grading_queue.next_for("grades", "ann") == pairs[1:2]
    assert catalog.grading_queue.next_for("grades", "bob") == pairs[:2], "a hidden image is not shown"
    assert catalog.grading_queue.next_for("grades", "bob", unshared=True) == pairs[1:2]
    assert catalog.grading_queue.find("grades", query, hidden) is None
    (progress,) = catalog.grading_queue.progress("ann")
    assert (progress.pairs, progress.graded, progress.own) == (2, 1, 1)
    catalog.judgements.write([replace(grade, image_id=other, user_id="cleo", source=ADJUDICATION)])
    assert catalog.grading_queue.next_for("grades", "ann") == []


def test_an_adjudicated_pair_has_no_other_grade_that_counts(catalog):
    grade = Grade(query_image_id=QUERY, image_id=ONE, grade=1, at=NOON, user_id="ann")
    adjudicated = replace(grade, grade=4, user_id="cleo", source=ADJUDICATION)
    catalog.judgements.write([grade, replace(grade, grade=5, user_id="bob"), replace(grade, image_id=OTHER)])
    assert len(catalog.judgements.settled()) == 3
    catalog.judgements.write([adjudicated])
    assert sorted((one.image_id, one.grade) for one in catalog.judgements.settled()) == [(ONE, 4), (OTHER, 1)]
    assert len(catalog.judgements.grades()) == 4, "what was adjudicated is kept"
    assert catalog.judgements.take_back(adjudicated)
    assert not catalog.judgements.take_back(adjudicated)
    assert len(catalog.judgements.settled()) == 3
