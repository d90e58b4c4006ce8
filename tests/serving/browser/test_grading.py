"""People grade pairs by keyboard, and what they say is in the judgement set."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from lookalike.catalog import QueuedPair
from lookalike.types import Box
from serving.browser.driving import ADMIN_TOKEN, SMALL_PHONE, violations, wait_until

CROP = Box(x=0.25, y=0.25, width=0.5, height=0.5)


def queue(library, site, count=12, *, strategy="random", name="mine"):
    """Pairs of the first image with the next ones; the first pair asks by a part of it."""
    pairs = [
        QueuedPair(
            judgement_set=name,
            query_image_id=site.image_ids[0],
            image_id=site.image_ids[1 + number],
            crop=None if number else CROP,
            number=number,
            strategy=strategy,
            added_at=datetime.now(UTC),
        )
        for number in range(count)
    ]
    library.catalog.grading_queue.fill(name, pairs)
    return pairs


def begin(page, site, grader="ann"):
    page.goto(f"{site.url}grading")
    page.get_by_label("Your name").fill(grader)
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".pair-pictures")).to_be_visible()


def stored(library, name="mine"):
    return {
        (one.user_id, one.image_id, one.crop): (one.grade, one.source)
        for one in library.catalog.judgements.grades(judgement_set=name)
    }


def test_ten_pairs_are_graded_by_keyboard_and_one_is_taken_back(page, real, library):
    pairs = queue(library, real)
    begin(page, real)
    expect(page.locator(".pair-crop")).to_be_visible()
    for key in "0123454321":
        page.keyboard.press(key)
    expect(page.locator("#progress")).to_have_text("10 of 12 pairs by you, 10 by anybody")
    expect(page.locator(".pair-crop")).to_have_count(0)
    page.keyboard.press("u")
    expect(page.locator("#progress")).to_have_text("9 of 12 pairs by you, 9 by anybody")
    expected = [(0, CROP), *((grade, None) for grade in (1, 2, 3, 4, 5, 4, 3, 2))]
    assert stored(library) == {
        ("ann", pair.image_id, crop): (grade, "grading")
        for pair, (grade, crop) in zip(pairs[:9], expected, strict=True)
    }
    page.keyboard.press("5")
    wait_until(page, lambda: stored(library).get(("ann", pairs[9].image_id, None)) == (5, "grading"))


def test_the_crop_is_drawn_where_it_is(page, real, library):
    queue(library, real)
    begin(page, real)
    picture, crop = (page.locator(f".pair-pictures {one}").first.bounding_box() for one in ("img", ".pair-crop"))
    assert crop["x"] - picture["x"] == pytest.approx(0.25 * picture["width"], abs=2)
    assert crop["height"] == pytest.approx(0.5 * picture["height"], abs=2)


def test_what_graders_disagree_on_is_settled(page_of, real, library):
    pairs = queue(library, real, 3)
    for grader, keys in (("ann", "055"), ("bob", "505")):
        page = page_of()
        begin(page, real, grader)
        for key in keys:
            page.keyboard.press(key)
        expect(page.locator(".nothing")).to_have_text("You have graded every pair.")
    page = page_of()
    page.goto(f"{real.url}grading?set=mine")
    page.get_by_label("Your name").fill("cleo")
    page.get_by_label("Show").select_option("pairs that graders disagree on")
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".said")).to_contain_text("ann: ")
    expect(page.locator("#agreement")).to_contain_text("over 3 pairs by 2 graders; 2 to settle")
    page.keyboard.press("3")
    page.keyboard.press("4")
    expect(page.locator(".nothing")).to_have_text("There is nothing to settle.")
    wait_until(page, lambda: len(stored(library)) == 8)
    settled = library.catalog.judgements.settled(judgement_set="mine")
    assert sorted(one.grade for one in settled if one.image_id in {pairs[0].image_id, pairs[1].image_id}) == [3, 4]


def test_a_clicked_pair_is_asked_for_a_yes_or_a_no(page, real, library):
    pairs = queue(library, real, 2, strategy="click-far", name="clicks")
    begin(page, real)
    expect(page.locator(".grade")).to_have_count(2)
    page.keyboard.press("n")
    page.keyboard.press("y")
    wait_until(page, lambda: len(stored(library, "clicks")) == 2)
    assert stored(library, "clicks")["ann", pairs[0].image_id, CROP] == (0, "grading")
    assert stored(library, "clicks")["ann", pairs[1].image_id, None] == (1, "grading")


def test_where_there_is_a_token_the_owner_signs_in(page, guarded, library):
    queue(library, guarded, 2)
    page.goto(f"{guarded.url}grading")
    page.get_by_label("Admin token").fill(ADMIN_TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Judgement set").locator("option")).to_have_text("mine (2 of 2 wait)")
    page.faults.clear()  # the first answer was 401


def test_a_grade_that_cannot_be_kept_is_asked_for_again(page, real, library):
    queue(library, real)
    begin(page, real)
    library.catalog.grading_queue.fill("mine", [])
    page.keyboard.press("3")
    expect(page.locator("#fault")).to_contain_text("does not wait for a grade")
    expect(page.locator(".pair-crop")).to_be_visible()
    page.faults.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(page_of, real, library, scheme):
    queue(library, real)
    page = page_of(color_scheme=scheme)
    begin(page, real)
    assert violations(page) == []


def test_on_a_phone_a_grade_is_one_tap(page_of, real, library):
    queue(library, real)
    page = page_of(**SMALL_PHONE)
    begin(page, real)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert all(box["height"] >= 44 for box in (one.bounding_box() for one in page.locator(".grade").all()))
    page.get_by_role("button", name="4 very alike").tap()
    wait_until(page, lambda: [grade for grade, _ in stored(library).values()] == [4])
    assert violations(page) == []
