"""Reviewers decide about pictures that wait, one after the other, and see none of them before they ask to."""

import pytest
from playwright.sync_api import expect

from lookalike.catalog import KeyWish, Scope, Verdict
from lookalike.types import ModerationState
from serving.browser.driving import (
    ADMIN_TOKEN,
    PHONE,
    TILES,
    open_library,
    open_search,
    shown_ids,
    violations,
    wait_for_results,
    wait_until,
)

REASON = "nudity/explicit 0.72 (held from 0.6)"
SCORES = {"nudity/explicit": 0.72, "nudity/suggestive": 0.4}


@pytest.fixture
def waiting(guarded, library):
    """The ids of four pictures that wait for review."""
    ids = sorted(guarded.image_ids[2:6])
    judge(library, ids, ModerationState.HELD)
    return ids


def judge(library, ids, state):
    verdict = Verdict(state=state, reason=REASON, scores=SCORES, classifiers="one")
    library.catalog.moderation.judge(dict.fromkeys(ids, verdict))


def state_of(library, image_id):
    return library.catalog.moderation.get([image_id])[image_id].verdict.state.value


def looked_at(page):
    return page.locator("#pixels").get_attribute("data-id")


def open_review(page, site, token=ADMIN_TOKEN):
    page.goto(f"{site.url}review")
    page.get_by_label("Admin token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#item")).to_be_visible()


def decide_by(page, act):
    """Decide, and wait until another picture is looked at."""
    before = looked_at(page)
    act()
    wait_until(page, lambda: looked_at(page) != before or page.locator("#item").is_hidden())


def test_a_picture_is_blurred_until_it_is_asked_for(page, guarded, waiting):
    open_review(page, guarded)
    picture, pixels = page.locator("#picture"), page.locator("#pixels")
    wait_until(page, lambda: pixels.evaluate("image => image.naturalWidth > 0"))
    assert "blur" in pixels.evaluate("image => getComputedStyle(image).filter")
    expect(page.locator("#reason")).to_have_text(REASON)
    assert page.locator("#scores").inner_text().split() == ["nudity/explicit", "0.72", "nudity/suggestive", "0.40"]
    picture.click()
    assert pixels.evaluate("image => getComputedStyle(image).filter") == "none"
    page.keyboard.press("ArrowRight")
    wait_until(page, lambda: looked_at(page) == waiting[1])
    assert "blur" in pixels.evaluate("image => getComputedStyle(image).filter")


def test_keys_decide_and_undo(page, guarded, library, waiting):
    open_review(page, guarded)
    expect(page.locator("#count")).to_have_text("4 waiting")
    for key in ("s", "x", "b"):
        decide_by(page, lambda key=key: page.keyboard.press(key))
    assert [state_of(library, one) for one in waiting] == ["shown", "blocked", "blurred", "held"]
    expect(page.locator("#count")).to_have_text("1 waiting")
    decide_by(page, lambda: page.keyboard.press("u"))
    assert looked_at(page) == waiting[2]
    decide_by(page, lambda: page.keyboard.press("Control+z"))
    assert looked_at(page) == waiting[1]
    assert [state_of(library, one) for one in waiting] == ["shown", "held", "held", "held"]
    entries = library.catalog.audit.latest(subject=waiting[1])
    assert [(one.actor, one.action) for one in entries] == [
        ("admin-token", "moderation.held"),
        ("admin-token", "moderation.blocked"),
    ]


def test_the_space_bar_never_decides_about_a_picture_that_nobody_saw(page, guarded, library, waiting):
    open_review(page, guarded)
    decide_by(page, page.locator("#acts button").first.click)
    page.keyboard.press("Space")
    expect(page.locator("#picture")).to_have_attribute("aria-pressed", "true")
    assert [state_of(library, one) for one in waiting] == ["shown", "held", "held", "held"]


def test_what_was_decided_is_what_others_see(page, guarded, library, waiting):
    open_review(page, guarded)
    for key in ("s", "b", "x", "x"):
        decide_by(page, lambda key=key: page.keyboard.press(key))
    expect(page.locator("#none")).to_have_text("No picture waits for review.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#item")).to_be_visible()
    assert looked_at(page) == waiting[3]
    page.goto(guarded.url)
    expect(page.locator(TILES).first).to_be_visible()
    wait_until(page, lambda: waiting[0] in shown_ids(page))
    assert {waiting[2], waiting[3]}.isdisjoint(shown_ids(page))


def test_decisions_are_found_again_and_changed(page, guarded, library, waiting):
    library.catalog.moderation.decide(waiting[:1], ModerationState.BLOCKED, actor="key:abc")
    open_review(page, guarded)
    page.get_by_label("Which pictures").select_option("blocked")
    wait_until(page, lambda: looked_at(page) == waiting[0])
    expect(page.locator("#about")).to_contain_text("Decided by key:abc")
    page.keyboard.press("h")
    expect(page.locator("#none")).to_have_text("No picture is blocked.")
    wait_until(page, lambda: state_of(library, waiting[0]) == "held")


def test_it_works_by_finger_on_a_phone(page_of, guarded, library, waiting):
    page = page_of(**PHONE)
    open_review(page, guarded)
    page.locator("#picture").tap()
    assert page.locator("#pixels").evaluate("image => getComputedStyle(image).filter") == "none"
    acts = page.get_by_role("group", name="Decide")
    for button in acts.get_by_role("button").all():
        box = button.bounding_box()
        assert min(box["width"], box["height"]) >= 44
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    decide_by(page, lambda: acts.get_by_role("button", name="Block").tap())
    decide_by(page, lambda: acts.get_by_role("button", name="Undo").tap())
    assert looked_at(page) == waiting[0]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_it_is_accessible(page, guarded, waiting):
    open_review(page, guarded)
    assert violations(page) == []


def test_a_key_without_permission_sees_nothing_and_one_with_it_does(page, guarded, library, waiting):
    keys = {
        scope: library.catalog.keys.create(KeyWish(name="a", scopes=frozenset({scope})))[0]
        for scope in (Scope.SEARCH, Scope.ADMIN)
    }
    page.goto(f"{guarded.url}review")
    sign_in_with_key(page, keys[Scope.SEARCH])
    expect(page.locator("#fault")).to_contain_text("Not allowed here")
    assert page.locator("#item").is_hidden()
    page.get_by_role("button", name="Sign in with a key").click()
    sign_in_with_key(page, keys[Scope.ADMIN])
    expect(page.locator("#item")).to_be_visible()
    wait_until(page, lambda: page.locator("#pixels").evaluate("image => image.naturalWidth > 0"))
    decide_by(page, lambda: page.keyboard.press("x"))
    prefix = keys[Scope.ADMIN].split("_")[1]
    assert library.catalog.audit.latest(subject=waiting[0])[0].actor == f"key:{prefix}"


def sign_in_with_key(page, key):
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_a_blurred_picture_is_shown_when_it_is_pressed(page, guarded, library):
    first = guarded.image_ids[0]
    judge(library, [first], ModerationState.BLURRED)
    open_library(page, guarded)
    tile = page.locator(f'{TILES}[data-id="{first}"]')
    picture = tile.locator(".tile-picture")
    assert "blur" in picture.evaluate("image => getComputedStyle(image).filter")
    tile.locator(".tile-link").click()
    assert picture.evaluate("image => getComputedStyle(image).filter") == "none"
    assert "image=" not in page.url
    tile.locator(".tile-link").click()
    wait_for_results(page)
    assert first in page.url
    assert page.locator("query-panel[data-blurred]").count() == 0


def test_a_blurred_query_is_shown_when_it_is_worked_on(page, guarded, library):
    first = guarded.image_ids[0]
    judge(library, [first], ModerationState.BLURRED)
    open_search(page, guarded, first)
    assert "blur" in page.locator("crop-box img").first.evaluate("image => getComputedStyle(image).filter")
    page.get_by_role("button", name="View large").first.click()
    expect(page.locator("dialog.viewer")).to_be_visible()
    assert page.locator("query-panel[data-blurred]").count() == 0


def test_a_blurred_picture_is_blurred_in_the_large_view(page, guarded, library):
    first = guarded.image_ids[0]
    judge(library, [first], ModerationState.BLURRED)
    open_library(page, guarded)
    page.locator(f'{TILES}[data-id="{first}"] .tile-link').focus()
    page.keyboard.press("v")
    veil = page.get_by_role("button", name="Blurred. Show the picture")
    expect(veil).to_be_visible()
    picture = page.locator("dialog.viewer img").first
    assert picture.evaluate("image => getComputedStyle(image).filter") == "blur(48px)"
    veil.click()
    expect(veil).to_be_hidden()
    assert picture.evaluate("image => getComputedStyle(image).filter") != "blur(48px)"
