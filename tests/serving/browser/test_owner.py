"""The owner signs in by token, and hides, tags and deletes with a way back; nobody else sees any of it."""

import httpx
import pytest
from playwright.sync_api import expect

from serving.browser.driving import (
    ADMIN_TOKEN,
    PHONE,
    TILES,
    Fingers,
    choose,
    open_library,
    open_search,
    shown_ids,
    violations,
    wait_for_results,
    wait_until,
)

HEADERS = {"authorization": f"Bearer {ADMIN_TOKEN}"}


@pytest.fixture
def owner(page, guarded):
    """A laptop on which the owner has signed in."""
    open_library(page, guarded)
    sign_in(page)
    return page


def sign_in(page, token=ADMIN_TOKEN):
    page.get_by_role("button", name="Keyboard help").click()
    page.get_by_role("button", name="Owner sign-in").click()
    page.get_by_label("Admin token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    if token == ADMIN_TOKEN:
        expect(page.get_by_role("button", name="Owner", exact=True)).to_be_visible()


def open_menu(page, place=0):
    page.locator(f"{TILES} .tile-more").nth(place).press("Enter")  # tiles may be gliding away from the mouse
    return page.locator("dialog.menu")


def record_of(site, image_id):
    return httpx.get(f"{site.url}v1/images/{image_id}", headers=HEADERS)


def test_others_see_nothing_of_it(page, guarded):
    open_library(page, guarded)
    menu = open_menu(page)
    assert menu.get_by_role("button").all_inner_texts() == ["More like this", "View large", "Copy link"]
    page.keyboard.press("Escape")
    assert page.locator(".owner-button, .selection-bar, undo-bar, tag-dialog, sign-in-dialog").count() == 0
    loaded = page.evaluate("performance.getEntriesByType('resource').map(one => one.name)")
    assert [name for name in loaded if "owner/owner.js" in name] == []


def test_a_wrong_token_is_refused_and_kept_nowhere(page, guarded):
    open_library(page, guarded)
    sign_in(page, "wrong horse")
    expect(page.locator("sign-in-dialog [role=alert]")).to_have_text("That is not the token.")
    page.keyboard.press("Escape")
    assert page.get_by_role("button", name="Owner", exact=True).count() == 0
    assert "horse" not in page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])")


def test_the_token_lasts_as_long_as_the_tab(owner, guarded):
    owner.reload()
    expect(owner.get_by_role("button", name="Owner", exact=True)).to_be_visible()
    other = owner.context.new_page()
    other.goto(guarded.url)
    expect(other.locator(TILES).first).to_be_visible()
    assert other.get_by_role("button", name="Owner", exact=True).count() == 0
    owner.get_by_role("button", name="Owner", exact=True).click()
    owner.get_by_role("button", name="Sign out").click()
    expect(owner.get_by_role("button", name="Owner", exact=True)).to_have_count(0)
    owner.reload()
    expect(owner.locator(TILES).first).to_be_visible()
    assert "horse" not in owner.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])")
    assert ADMIN_TOKEN not in owner.url


def test_hiding_is_done_at_once_and_undone(owner, guarded):
    first, second = shown_ids(owner)[:2]
    open_menu(owner).get_by_role("button", name="Hide").click()
    wait_until(owner, lambda: shown_ids(owner)[0] == second)
    assert first not in shown_ids(owner)
    assert record_of(guarded, first).json()["visibility"] == "private"
    owner.locator("undo-bar").get_by_role("button", name="Undo").click()
    wait_until(owner, lambda: shown_ids(owner)[0] == first)
    assert record_of(guarded, first).json()["visibility"] == "public"


def test_deleting_is_undone_by_key_and_final_when_its_time_is_over(owner, guarded):
    owner.clock.install()
    first, second = shown_ids(owner)[:2]
    open_menu(owner).get_by_role("button", name="Delete").click()
    expect(owner.locator("undo-bar")).to_contain_text("1 picture deleted")
    wait_until(owner, lambda: shown_ids(owner)[0] == second)
    assert record_of(guarded, first).json()["visibility"] == "private"
    owner.keyboard.press("Control+z")
    wait_until(owner, lambda: shown_ids(owner)[0] == first)

    open_menu(owner).get_by_role("button", name="Delete").click()
    wait_until(owner, lambda: shown_ids(owner)[0] == second)
    owner.clock.run_for(11_000)
    wait_until(owner, lambda: record_of(guarded, first).status_code == 404)
    expect(owner.locator("undo-bar")).to_be_hidden()


def test_leaving_the_page_ends_the_time_to_undo(owner, guarded):
    first = shown_ids(owner)[0]
    open_menu(owner).get_by_role("button", name="Delete").click()
    expect(owner.locator("undo-bar")).to_be_visible()
    owner.goto("about:blank")
    open_library(owner, guarded)  # what the browser gave up on leaving is done now
    wait_until(owner, lambda: record_of(guarded, first).status_code == 404)


def test_tags_are_added_removed_and_undone(owner, guarded):
    first = shown_ids(owner)[0]
    before = record_of(guarded, first).json()["tags"]
    open_menu(owner).get_by_role("button", name="Tags").click()
    field = owner.get_by_label("New tag")
    field.fill("holiday")
    field.press("Enter")
    field.fill("ים")
    owner.get_by_role("button", name=f"Remove {before[0]}").click()
    owner.get_by_role("button", name="Save").click()
    wait_until(owner, lambda: sorted(record_of(guarded, first).json()["tags"]) == ["holiday", "ים"])
    open_search(owner, guarded, first)
    assert owner.locator("query-panel .tag").all_inner_texts() == ["holiday", "ים"]


def test_undoing_tags_brings_the_old_ones_back(owner, guarded):
    first = shown_ids(owner)[0]
    before = record_of(guarded, first).json()["tags"]
    open_menu(owner).get_by_role("button", name="Tags").click()
    owner.get_by_label("New tag").fill("mistake")
    owner.get_by_role("button", name="Save").click()
    wait_until(owner, lambda: "mistake" in record_of(guarded, first).json()["tags"])
    owner.locator("undo-bar").get_by_role("button", name="Undo").click()
    wait_until(owner, lambda: record_of(guarded, first).json()["tags"] == before)


def test_several_are_chosen_and_deleted_at_once(owner, guarded):
    ids = shown_ids(owner)
    open_menu(owner).get_by_role("button", name="Select").click()
    owner.locator(f"{TILES} .tile-link").nth(3).click(modifiers=["Shift"])
    bar = owner.get_by_role("toolbar", name="Selected pictures")
    expect(bar).to_contain_text("4 pictures")
    owner.locator(f"{TILES} .tile-link").nth(1).click()
    expect(bar).to_contain_text("3 pictures")
    assert owner.url == guarded.url
    bar.get_by_role("button", name="Hide").click()
    wait_until(owner, lambda: shown_ids(owner)[0] == ids[1])
    assert not {ids[0], ids[2], ids[3]} & set(shown_ids(owner))
    owner.keyboard.press("Control+z")
    wait_until(owner, lambda: shown_ids(owner)[:4] == ids[:4])


def test_selecting_by_keyboard_alone(owner):
    owner.get_by_role("button", name="Owner", exact=True).click()
    owner.get_by_role("button", name="Select pictures").press("Enter")
    owner.locator(f"{TILES} .tile-link").first.focus()
    owner.keyboard.press("Enter")
    owner.keyboard.press("ArrowRight")
    owner.keyboard.press("Enter")
    expect(owner.get_by_role("toolbar")).to_contain_text("2 pictures")
    owner.keyboard.press("Escape")
    expect(owner.get_by_role("toolbar")).to_be_hidden()


def test_hidden_pictures_are_seen_by_the_owner_and_shown_again(owner, guarded):
    first = shown_ids(owner)[0]
    open_menu(owner).get_by_role("button", name="Hide").click()
    wait_until(owner, lambda: first not in shown_ids(owner))
    owner.get_by_role("button", name="Owner", exact=True).click()
    owner.get_by_role("button", name="Hidden pictures").click()
    row = owner.locator(".hidden-list li")
    expect(row).to_have_count(1)
    wait_until(owner, lambda: row.locator("img").evaluate("one => one.naturalWidth") > 0)
    row.get_by_role("button", name="again").click()
    expect(row).to_have_count(0)
    owner.keyboard.press("Escape")
    wait_until(owner, lambda: shown_ids(owner)[0] == first)


def test_deleting_in_the_large_view_goes_on_to_the_next(owner):
    ids = shown_ids(owner)
    open_menu(owner).get_by_role("button", name="View large").click()
    owner.locator(".viewer").get_by_role("button", name="More actions").click()
    owner.locator(".menu").get_by_role("button", name="Delete").click()
    wait_until(owner, lambda: owner.url.endswith(f"view={ids[1]}"))
    wait_until(owner, lambda: ids[0] not in shown_ids(owner))
    owner.locator("dialog.viewer").get_by_role("button", name="Undo").click()
    wait_until(owner, lambda: shown_ids(owner)[0] == ids[0])
    expect(owner.locator("dialog.viewer")).to_be_visible()


def test_an_upload_is_added_by_the_owner(owner, generated):
    name, content, _ = generated[0]
    choose(owner, content + b"\0", name)  # other bytes, the same picture
    wait_for_results(owner)
    owner.get_by_role("button", name="Add to library").click()
    expect(owner.locator("#toast")).to_contain_text("in the library now")


def test_a_server_without_a_token_asks_for_none(page, real):
    open_library(page, real)
    page.get_by_role("button", name="Keyboard help").click()
    page.get_by_role("button", name="Owner sign-in").click()
    expect(page.locator("sign-in-dialog")).to_contain_text("no admin token")
    page.get_by_role("button", name="Manage pictures").click()
    first = shown_ids(page)[0]
    open_menu(page).get_by_role("button", name="Hide").click()
    wait_until(page, lambda: first not in shown_ids(page))
    page.keyboard.press("Control+z")
    wait_until(page, lambda: shown_ids(page)[0] == first)


def test_axe_finds_nothing_in_what_the_owner_sees(owner):
    owner.get_by_role("button", name="Owner", exact=True).click()
    assert violations(owner) == []
    owner.get_by_role("button", name="Hidden pictures").click()
    expect(owner.locator("hidden-dialog")).to_contain_text("No picture is hidden")
    assert violations(owner) == []
    owner.keyboard.press("Escape")
    open_menu(owner).get_by_role("button", name="Tags").click()
    assert violations(owner) == []
    owner.keyboard.press("Escape")
    open_menu(owner, 1).get_by_role("button", name="Hide").click()
    expect(owner.locator("undo-bar")).to_be_visible()
    open_menu(owner, 2).get_by_role("button", name="Select").click()
    assert violations(owner) == []


def test_it_works_by_finger_on_a_phone(page_of, guarded):
    page = page_of(**PHONE)
    open_library(page, guarded)
    sign_in(page)
    first, second = shown_ids(page)[:2]
    finger = Fingers(page)
    finger.rest_on(page.locator(f"{TILES} .tile-link").first)
    page.locator(".menu").get_by_role("button", name="Select").tap()
    page.locator(f"{TILES} .tile-link").nth(1).tap()
    bar = page.get_by_role("toolbar", name="Selected pictures")
    expect(bar).to_contain_text("2 pictures")
    bar.get_by_role("button", name="Delete").tap()
    wait_until(page, lambda: not {first, second} & set(shown_ids(page)))
    page.locator("undo-bar").get_by_role("button", name="Undo").tap()
    wait_until(page, lambda: shown_ids(page)[:2] == [first, second])
