"""Every state has an address, and Back returns to what was there."""

import re

import pytest
from playwright.sync_api import expect

from serving.browser.driving import (
    TILES,
    choose,
    open_library,
    open_search,
    shown_ids,
    wait_for_crop,
    wait_for_rest,
    wait_for_results,
    wait_until,
)


def test_more_like_this_and_back_to_where_one_was(page, site):
    open_library(page, site)
    page.mouse.wheel(0, 900)
    wait_until(page, lambda: page.evaluate("scrollY") > 500)
    tile = page.locator(f"{TILES} >> visible=true").nth(8)
    tile.scroll_into_view_if_needed()
    wait_for_rest(page, lambda: (page.evaluate("scrollY"), shown_ids(page)))
    place, library = page.evaluate("scrollY"), shown_ids(page)
    opened = tile.get_attribute("data-id")
    tile.locator(".tile-link").click()
    wait_for_results(page)
    assert page.url == f"{site.url}?image={opened}"
    assert page.evaluate("scrollY") == 0
    first = shown_ids(page)
    assert opened not in first

    page.locator(f"{TILES} .tile-link").first.click()
    wait_until(page, lambda: first[0] in page.url)
    wait_for_results(page)
    second = shown_ids(page)

    page.go_back()
    wait_until(page, lambda: shown_ids(page) == first)
    page.go_back()
    wait_until(page, lambda: shown_ids(page)[: len(library)] == library)
    wait_until(page, lambda: abs(page.evaluate("scrollY") - place) < 3)
    page.go_forward()
    page.go_forward()
    wait_until(page, lambda: shown_ids(page) == second)


def test_back_asks_the_server_nothing(page, site):
    open_library(page, site)
    page.locator(f"{TILES} .tile-link").first.click()
    wait_for_results(page)
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/v1/search" in request.url else None)
    page.go_back()
    expect(page.locator("#title")).to_have_text("Library")
    page.go_forward()
    wait_for_results(page)
    assert asked == []


def test_an_address_opens_a_search(page, site):
    wanted = site.image_ids[7]
    open_search(page, site, wanted)
    assert wanted not in shown_ids(page)
    expect(page.locator("query-panel")).to_be_visible()
    assert page.title().startswith("Like ")


def test_an_address_opens_a_crop(page, site):
    open_search(page, site, site.image_ids[7])
    whole = shown_ids(page)
    open_search(page, site, site.image_ids[7], crop="0.0000,0.0000,0.3000,0.3000")
    assert shown_ids(page) != whole
    left, top, width, height = (page.get_by_label(side).input_value() for side in ("Left", "Top", "Width", "Height"))
    size = re.findall(r"\d+", page.locator("query-panel .facts").first.inner_text())
    assert (left, top) == ("0", "0")
    assert int(width) == pytest.approx(0.3 * int(size[0]), abs=1)
    assert int(height) == pytest.approx(0.3 * int(size[1]), abs=1)


@pytest.mark.parametrize("crop", ["x", "0,0,0,0", "0.5,0.5,nan,1", "1,2,3", "-1,0,1,1"])
def test_a_crop_that_makes_no_sense_is_the_whole_picture(page, pretended, crop):
    open_search(page, pretended, crop=crop)
    expect(page.locator(".crop-frame")).to_be_hidden()


def test_a_reload_returns_to_the_same_place(page, site):
    open_library(page, site)
    for reached in (1000, 2000):
        page.mouse.wheel(0, 1500)
        wait_until(page, lambda reached=reached: page.evaluate("scrollY") > reached)
    wait_for_rest(page, lambda: (page.evaluate("scrollY"), shown_ids(page)))
    place = page.evaluate("scrollY")
    page.reload()
    wait_until(page, lambda: abs(page.evaluate("scrollY") - place) < 3, lambda: f"{page.evaluate('scrollY')} {place}")


def test_an_upload_is_there_again_after_back_and_reload(page, site, generated):
    open_library(page, site)
    choose(page, generated[5][1], "mine.png")
    wait_for_results(page)
    found = shown_ids(page)
    page.locator(f"{TILES} .tile-link").first.click()
    wait_until(page, lambda: "image=" in page.url)
    wait_for_results(page)
    page.go_back()
    wait_until(page, lambda: shown_ids(page) == found)
    expect(page.locator("query-panel h2")).to_have_text("mine.png")
    wait_until(page, lambda: page.evaluate(KEPT) == ["mine.png"])  # it is written behind the page's back
    page.reload()
    wait_for_results(page)
    assert shown_ids(page) == found
    expect(page.locator("query-panel h2")).to_have_text("mine.png")


KEPT = """() => new Promise((done, fail) => {
  const opening = indexedDB.open("lookalike", 1);
  opening.onerror = () => fail(opening.error);
  opening.onsuccess = () => {
    const reading = opening.result.transaction("uploads").objectStore("uploads").getAll();
    reading.onsuccess = () => {
      opening.result.close();
      done(reading.result.map((upload) => upload.name));
    };
  };
})"""


def test_an_upload_that_is_gone_is_said_kindly(page, pretended):
    page.goto(f"{pretended.url}?upload={'0' * 32}")
    expect(page.locator("page-notice h2")).to_have_text("This picture is not here any more")
    expect(page.get_by_role("button", name="Choose a picture", exact=True)).to_be_visible()


def test_an_upload_that_is_in_the_library_is_found_there(page, pretended):
    wanted = pretended.image_ids[2]
    page.goto(f"{pretended.url}?upload={wanted}&crop=0.1000,0.1000,0.5000,0.5000")
    wait_for_results(page)
    assert page.url == f"{pretended.url}?image={wanted}&crop=0.1000,0.1000,0.5000,0.5000"
    wait_for_crop(page, x=0.1, width=0.5)


def test_a_tag_leads_to_its_pictures(page, site, generated):
    open_search(page, site)
    page.locator("query-panel .tag").first.click()
    expect(page.locator("#title")).to_contain_text("Tagged")
    assert "tag=" in page.url
    name = page.locator("#title").inner_text().split("“")[1].rstrip("”")
    wanted = sum(name in tags for _, _, tags in generated)
    expect(page.locator("#summary")).to_contain_text(f"{wanted} pictures")
    expect(page.locator(TILES).first).to_have_attribute("aria-setsize", str(wanted))


def test_the_wordmark_leads_to_the_library(page, site):
    open_search(page, site)
    page.get_by_role("link", name="lookalike").click()
    expect(page.locator("#title")).to_have_text("Library")
    assert page.url == site.url
    expect(page.locator("query-panel")).to_be_hidden()
