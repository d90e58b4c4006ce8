"""Clicks that look wrong wait for an answer, and what people say no to is not learnt from."""

from datetime import UTC, datetime

import pytest

import lookalike
from lookalike.catalog import QueryRecord
from lookalike.library.grading import GivenGrade, give_grade
from lookalike.library.review import ReviewRequest, review_clicks, reviewed_pairs
from lookalike.training.examples import ClickRules, click_pairs
from lookalike.types import Interaction, InteractionKind

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def clicked(library, shop):
    """Six searches by one image: one hit is clicked by everybody, another one by a single person three times."""
    catalog = library.parts.catalog
    query, good, bad, *rest = [image.id for image in catalog.images.browse(limit=10).images]
    queries, events = [], []
    for number in range(6):
        queries.append(
            QueryRecord(id=f"s{number}", generation="g", ranked_ids=(good, bad, *rest), at=NOON, image_id=query)
        )
        did = [(good, InteractionKind.CLICK, f"user-{number}")]
        did += [(bad, InteractionKind.CLICK, "ann")] if number < 3 else []
        did += [(one, InteractionKind.IMPRESSION, "ann") for one in (good, bad, *rest)]
        for image, kind, user in did:
            events.append(
                Interaction(
                    event_id=f"{number} {image} {kind} {user}",
                    query_id=f"s{number}",
                    image_id=image,
                    position=1 if image == good else 2,
                    kind=kind,
                    at=NOON,
                    user_id=user,
                )
            )
    catalog.queries.write(queries)
    catalog.interactions.write(events)
    return query, good, bad


def answer(library, query, image, grade, name="clicks"):
    given = GivenGrade(judgement_set=name, grader="ann", query_image_id=query, image_id=image, grade=grade)
    give_grade(library.parts.catalog, given)


def pairs(library, reviewed):
    catalog = library.parts.catalog
    return click_pairs(catalog.queries.followed(), catalog.interactions.read(), rules=ClickRules(reviewed=reviewed))


def test_what_people_say_no_to_is_left_out_and_becomes_a_negative(library, clicked, tmp_path):
    query, good, bad = clicked
    found = review_clicks(library.parts, ReviewRequest(judgement_set="clicks", out=tmp_path / "pairs.tsv"))
    assert (found.clicked, found.reasons["one-client"]) == (2, 1)
    waiting = library.parts.catalog.grading_queue.waiting("clicks")
    assert (waiting[0].image_id, waiting[0].strategy) == (bad, "click-one-client")
    assert len((tmp_path / "pairs.tsv").read_text().splitlines()) == 1 + len(waiting)
    before = pairs(library, {})
    assert {pair.positive for pair in before.pairs} == {good, bad}
    answer(library, query, bad, 0)
    after = pairs(library, reviewed_pairs(library.parts.catalog, "clicks"))
    assert [pair.positive for pair in after.pairs] == [good]
    assert bad in after.pairs[0].hard_negatives
    assert (after.called_wrong, after.used) == (3, 6)
    again = review_clicks(library.parts, ReviewRequest(judgement_set="clicks"))
    assert (again.wrong, again.reasons["one-client"]) == (1, 0)


def test_what_people_say_yes_to_needs_no_second_search(library, clicked):
    query, _, bad = clicked
    catalog = library.parts.catalog
    rules = ClickRules(least_clicks=5, reviewed={(query, bad): True})
    made = click_pairs(catalog.queries.followed(), catalog.interactions.read(), rules=rules)
    assert bad in {pair.positive for pair in made.pairs}
    assert made.confirmed == 1


def test_answers_are_no_grades(library, clicked, shop):
    query, _, bad = clicked
    review_clicks(library.parts, ReviewRequest(judgement_set="clicks"))
    with pytest.raises(lookalike.CallerError, match="yes"):
        answer(library, query, bad, 3)
    answer(library, query, bad, 1)
    assert library.parts.catalog.judgements.settled() == []
    library.import_judgements(shop / "grades.qrels", name="grades")
    with pytest.raises(lookalike.CallerError, match="choose another"):
        review_clicks(library.parts, ReviewRequest(judgement_set="grades"))


def test_without_clicks_there_is_nothing_to_review(library, shop):
    with pytest.raises(lookalike.CallerError, match="nothing to review"):
        review_clicks(library.parts, ReviewRequest(judgement_set="clicks"))
