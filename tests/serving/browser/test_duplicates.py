"""The owner looks through copies, and hides or deletes them after it was said which, with a way back."""

import httpx
import pytest
from playwright.sync_api import expect

from duplicates.altered import SIMPLE
from keypoints.scenes import scene
from pictures import png_bytes
from serving.browser.conftest import Site
from serving.browser.driving import ADMIN_TOKEN, PHONE, open_library, violations, wait_until
from serving.browser.test_owner import HEADERS, sign_in


@pytest.fixture
def copied(library, server_of):
    """Two groups: scene 0 with two copies, and scene 1 with one; and a picture without copies."""
    again, half = SIMPLE["encoded again"], SIMPLE["half the size"]
    first, second = scene(0, size=(480, 360)), scene(1, size=(480, 360))
    made = [first, second, scene(2), again(first.resize((400, 300))), half(first), half(second)]
    names = ["first", "second", "third", "first again", "first small", "second small"]
    ids = [
        library.indexer.add_upload(png_bytes(one), name=f"{name}.png")[0].id
        for name, one in zip(names, made, strict=True)
    ]
    return Site(server_of(drain_seconds=1, admin_token=ADMIN_TOKEN).url, ids, list)


def open_duplicates(page, site):
    open_library(page, site)
    sign_in(page)
    page.get_by_role("button", name="Owner", exact=True).click()
    page.get_by_role("button", name="Duplicates").click()
    page.get_by_role("button", name="Look for copies").click()
    expect(rows(page)).to_have_count(2)
    expect(page.locator("dialog.copies [role=status]").first).to_contain_text("2 groups, 3 copies.")
    return page


def rows(page):
    return page.locator(".copy-group")


def visible(site, place):
    return httpx.get(f"{site.url}v1/images/{site.image_ids[place]}").status_code == 200


def test_rows_say_why_and_how_sure_and_keys_hide_with_a_way_back(page, copied):
    open_duplicates(page, copied)
    assert [rows(page).nth(place).locator(".copy-why").count() for place in (0, 1)] == [2, 1]
    assert set(page.locator(".copy-why").all_inner_texts()) == {"The same picture"}
    assert set(page.locator(".copy-sure").all_inner_texts()) == {"certain"}
    page.locator("dialog.copies").focus()
    page.keyboard.press("ArrowDown")
    expect(rows(page).nth(0)).to_be_focused()
    page.keyboard.press("h")
    proposal = page.get_by_role("alertdialog")
    expect(proposal).to_contain_text("2 pictures of 1 group would be hidden; 1 picture would stay.")
    assert visible(copied, 3)
    page.keyboard.press("Escape")
    expect(proposal).to_be_hidden()
    expect(rows(page).nth(0)).to_be_focused()
    page.keyboard.press("h")
    expect(proposal.get_by_role("button", name="Hide")).to_be_focused()
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(1)
    wait_until(page, lambda: not visible(copied, 3) and not visible(copied, 4))
    assert visible(copied, 0)
    page.keyboard.press("Control+z")
    expect(rows(page)).to_have_count(2)
    assert visible(copied, 3)
    assert violations(page) == []


def test_another_picture_may_stay_and_one_may_be_left_alone(page, copied):
    open_duplicates(page, copied)
    group = rows(page).nth(0)
    group.locator(f"[data-id='{copied.image_ids[3]}']").get_by_role("button", name="Keep this").click()
    expect(group.get_by_role("button", name="Hide 2")).to_be_visible()
    group.get_by_label("Copy: first.png").uncheck()
    group.get_by_role("button", name="Hide 1").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Hide").click()
    wait_until(page, lambda: not visible(copied, 4))
    assert visible(copied, 0)
    assert visible(copied, 3)


def test_copies_are_deleted_when_the_time_to_undo_it_is_over(page, copied):
    open_duplicates(page, copied)
    page.clock.install()
    rows(page).nth(1).get_by_role("button", name="Delete 1").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(page.locator("dialog.copies undo-bar")).to_contain_text("1 picture deleted")
    page.clock.run_for(11_000)
    gone = f"{copied.url}v1/images/{copied.image_ids[5]}"
    wait_until(page, lambda: httpx.get(gone, headers=HEADERS).status_code == 404)


def test_all_certain_copies_are_hidden_at_once_on_a_phone(page_of, copied):
    page = open_duplicates(page_of(**PHONE), copied)
    assert page.evaluate("document.querySelector('dialog.copies').scrollWidth") <= 390
    assert violations(page) == []
    page.get_by_role("button", name="Hide all certain copies").tap()
    proposal = page.get_by_role("alertdialog")
    expect(proposal).to_contain_text("3 pictures of 2 groups would be hidden; 2 pictures would stay.")
    proposal.get_by_role("button", name="Hide").tap()
    wait_until(page, lambda: [visible(copied, place) for place in range(6)] == [True, True, True, False, False, False])
    page.locator("undo-bar").get_by_role("button", name="Undo").tap()
    expect(rows(page)).to_have_count(2)
