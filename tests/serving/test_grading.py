from datetime import UTC, datetime

import pytest

from lookalike.catalog import KeyWish, QueuedPair, Scope
from lookalike.types import Box, Visibility
from serving.asking import TOKEN

CROP = {"x": 0.1, "y": 1 / 3, "width": 0.25, "height": 0.5, "unit": "fraction"}


@pytest.fixture
def queued(library, images):
    """Four pairs of the first image, the last of a part of it."""
    crops = [None, None, None, Box(x=0.1, y=1 / 3, width=0.25, height=0.5)]
    pairs = [
        QueuedPair(
            judgement_set="my set",
            query_image_id=images[0],
            image_id=images[1 + number],
            crop=crop,
            number=number,
            strategy="random",
            added_at=datetime.now(UTC),
        )
        for number, crop in enumerate(crops)
    ]
    library.catalog.grading_queue.fill("my set", pairs)
    return pairs


def ask(client, grader="ann", **parameters):
    return client.get("/v1/grading/my set", params={"grader": grader, **parameters}).json()


def grade(client, pair, number, grader="ann", **fields):
    body = {"grader": grader, "query_image_id": pair.query_image_id, "image_id": pair.image_id, "grade": number}
    crop = {"crop": CROP} if pair.crop else {}
    return client.post("/v1/grading/my set", json={**body, **crop, **fields})


def names(page):
    return [pair["image"]["id"] for pair in page["pairs"]]


def test_what_is_graded_waits_no_more_until_it_is_taken_back(client, library, queued):
    wait = [pair.image_id for pair in queued]
    assert names(ask(client)) == wait
    assert ask(client)["pairs"][3]["crop"] == CROP
    answer = grade(client, queued[3], 4).json()
    assert (answer["pairs"], answer["graded"], answer["own"]) == (4, 1, 1)
    assert names(ask(client)) == wait[:3]
    kept = library.catalog.judgements.grades(judgement_set="my set")
    assert [(one.grade, one.crop, one.user_id) for one in kept] == [(4, queued[3].crop, "ann")]
    grade(client, queued[3], None)
    assert library.catalog.judgements.grades(judgement_set="my set") == []
    assert names(ask(client)) == wait


def test_graders_grade_the_same_pairs_or_share_them(client, queued):
    grade(client, queued[0], 2)
    assert len(ask(client, "bob")["pairs"]) == 4
    assert len(ask(client, "bob", unshared="true")["pairs"]) == 3
    assert all(pair["grades"] == {} for pair in ask(client, "bob")["pairs"]), "nobody sees what others said before"


def test_graders_who_disagree_are_adjudicated(client, library, queued):
    for grader, numbers in (("ann", (0, 5, 3)), ("bob", (5, 5, 2))):
        for pair, number in zip(queued, numbers, strict=False):
            grade(client, pair, number, grader)
    page = ask(client, "cleo", disputed="true")
    assert [(pair["image"]["id"], pair["grades"]) for pair in page["pairs"]] == [
        (queued[0].image_id, {"ann": 0, "bob": 5})
    ]
    assert (page["agreement"]["twice"], page["agreement"]["disputed"]) == (3, 1)
    assert page["agreement"]["graders"] == {"ann": 3, "bob": 3}
    assert page["agreement"]["alpha"] < 0.5
    grade(client, queued[0], 4, "cleo", adjudicates=True)
    assert ask(client, "cleo", disputed="true")["pairs"] == []
    settled = library.catalog.judgements.settled(judgement_set="my set")
    assert [one.grade for one in settled if one.image_id == queued[0].image_id] == [4]


def test_pairs_of_hidden_images_are_neither_shown_nor_counted_nor_graded(client, library, queued):
    library.catalog.images.update(queued[0].image_id, visibility=Visibility.PRIVATE)
    assert names(ask(client)) == [pair.image_id for pair in queued[1:]]
    assert client.get("/v1/grading").json()["queues"][0]["pairs"] == 3
    hidden, never = grade(client, queued[0], 3), grade(client, queued[0], 3, image_id="0" * 32)
    assert (hidden.status_code, hidden.json()["detail"]) == (400, never.json()["detail"])
    library.catalog.images.update(queued[0].query_image_id, visibility=Visibility.BLOCKED)
    assert ask(client)["pairs"] == []


@pytest.mark.parametrize(
    "wrong", [{"grade": 6}, {"grade": -1}, {"grade": "3"}, {"grader": " "}, {"image_id": "x"}, {"crop": {"x": 0}}]
)
def test_nonsense_is_refused(client, queued, problem, wrong):
    problem(grade(client, queued[0], 3, **wrong), 422, "invalid-request")


def test_the_owners_token_is_needed(guarded, queued, problem):
    problem(guarded.get("/v1/grading"), 401, "unauthorized")
    problem(grade(guarded, queued[0], 3), 401, "unauthorized")
    assert guarded.get("/v1/grading", headers=TOKEN).status_code == 200


def test_a_key_that_acts_for_an_owner_grades_nothing(client, library, queued, problem):
    wish = KeyWish(name="ann's", scopes=frozenset({Scope.WRITE}), owner_id="ann")
    text, _ = library.catalog.keys.create(wish)
    body = {"grader": "ann", "query_image_id": queued[0].query_image_id, "image_id": queued[0].image_id, "grade": 3}
    headers = {"authorization": f"Bearer {text}"}
    problem(client.post("/v1/grading/my set", json=body, headers=headers), 403, "forbidden")
    assert library.catalog.judgements.grades(judgement_set="my set") == []
