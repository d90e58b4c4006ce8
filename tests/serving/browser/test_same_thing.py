"""The very same thing: the switch in the results, how verified hits are marked, and where the thing is in them."""

import pytest
from playwright.sync_api import expect

from keypoints.scenes import pasted, scene
from lookalike.keypoints import RECIPE, STORED
from lookalike.preprocessing import picture_keypoints
from pictures import png_bytes
from serving.browser.conftest import Site
from serving.browser.driving import PHONE, TILES, choose, open_search, violations, wait_for_results

THING = scene(1, size=(300, 200))
PLACE = {"x": 200 / 600, "y": 150 / 400, "width": 270 / 600, "height": 180 / 400}


@pytest.fixture
def things(library, server_of):
    """The thing, an image that has it in it, and others; the first two ids are of these."""
    made = [THING, pasted(THING, scene(10, size=(600, 400)), at=(200, 150), size=(270, 180))]
    made += [scene(seed) for seed in range(20, 26)]
    ids = [library.indexer.add_upload(png_bytes(one), name=f"{n}.png")[0].id for n, one in enumerate(made)]
    points = {one: picture_keypoints(library.catalog.images.content(one), STORED, name=one).packed for one in ids}
    library.catalog.keypoints.add(RECIPE, points)
    return Site(server_of(drain_seconds=1).url, ids, list)


def switch(page):
    return page.get_by_role("button", name="Same thing")


def wait_until_verified(page):
    wait_for_results(page)
    expect(page.locator(f"{TILES} .tile-link").first).to_have_attribute("aria-label", "1. Same thing: 1.png")


def box_of_outline(page, place):
    """Where the outline lies, in fractions of the picture's box."""
    return page.locator(place).first.evaluate(
        """(svg) => {
          const [inner, outer] = [svg.querySelector("polygon"), svg].map((one) => one.getBoundingClientRect());
          return { x: (inner.x - outer.x) / outer.width, y: (inner.y - outer.y) / outer.height,
                   width: inner.width / outer.width, height: inner.height / outer.height };
        }"""
    )


def test_a_key_puts_the_very_same_thing_first_and_back_undoes_it(page, things):
    open_search(page, things)
    expect(switch(page)).to_have_attribute("aria-pressed", "false")
    assert page.locator(".outline").count() == 0
    page.keyboard.press("t")
    wait_until_verified(page)
    assert "verify=1" in page.url
    expect(switch(page)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#summary")).to_contain_text("1 picture of the very same thing")
    assert page.locator(".outline").count() == 1
    page.reload()
    wait_until_verified(page)
    page.go_back()
    expect(switch(page)).to_have_attribute("aria-pressed", "false")
    assert "verify" not in page.url


def test_the_large_view_shows_where_the_thing_is(page, things):
    page.goto(f"{things.url}?image={things.image_ids[0]}&verify=1")
    wait_until_verified(page)
    page.locator(f"{TILES} .tile-link").first.focus()
    page.keyboard.press("v")
    expect(page.locator(".viewer-facts")).to_contain_text("The very same thing")
    outline = page.locator(".viewer .outline")
    expect(outline).to_be_visible()
    assert box_of_outline(page, ".viewer .outline") == pytest.approx(PLACE, abs=0.06)
    page.keyboard.press("o")
    expect(outline).to_be_hidden()
    page.keyboard.press("o")
    expect(outline).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(outline).to_have_count(0)
    expect(page.get_by_role("button", name="Where the same thing is")).to_be_hidden()


def test_a_finger_can_do_it_on_a_phone_and_every_picture_that_is_brought(page_of, things):
    page = page_of(**PHONE)
    page.goto(things.url)
    choose(page, png_bytes(THING.rotate(4, expand=True, fillcolor="white")))
    wait_for_results(page)
    assert min(switch(page).bounding_box()[side] for side in ("width", "height")) >= 44
    switch(page).tap()
    expect(page.locator("#summary")).to_contain_text("2 pictures of the very same thing")
    assert violations(page) == []
    page.locator(f"{TILES} .tile-link").first.focus()
    page.locator(f"{TILES} [aria-label='View large']").first.press("Enter")
    expect(page.locator(".viewer .outline")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Where the same thing is").tap()
    expect(page.locator(".viewer .outline")).to_be_hidden()
    assert violations(page) == []


def test_without_keypoints_there_is_no_switch(page, site):
    open_search(page, site)
    expect(page.locator("verify-toggle")).to_be_hidden()
    page.keyboard.press("t")
    page.wait_for_timeout(300)
    assert "verify" not in page.url


def test_that_nothing_is_the_same_is_said(page, things):
    page.goto(f"{things.url}?image={things.image_ids[5]}&verify=1")
    wait_for_results(page)
    expect(page.locator("#summary")).to_contain_text("The very same thing was not found")
