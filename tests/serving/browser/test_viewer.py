"""The large view: zoom, pan, next and previous, its address, focus."""

import pytest
from playwright.sync_api import expect

from serving.browser.driving import (
    PHONE,
    TILES,
    Fingers,
    choose,
    open_library,
    open_search,
    shown_ids,
    wait_for_results,
    wait_until,
)


@pytest.fixture
def viewer(page, pretended):
    """The large view of the third hit, on a laptop."""
    open_search(page, pretended)
    open_large(page, 2)
    return page


def open_large(page, place):
    tile = page.locator(TILES).nth(place)
    tile.hover()
    tile.get_by_role("button", name="View large").click()
    expect(page.locator("dialog.viewer")).to_be_visible()
    expect(page.locator(".viewer-picture")).to_have_class("viewer-picture loaded")


def scale(page):
    return float(page.locator(".viewer-stage").get_attribute("data-scale"))


def picture_box(page):
    return page.locator(".viewer-picture").bounding_box()


def viewed(page):
    return page.url.partition("view=")[2]


def test_it_has_an_address_and_back_closes_it(page, site):
    open_search(page, site)
    before, ids = page.url, shown_ids(page)
    open_large(page, 2)
    assert viewed(page) == ids[2]
    expect(page.locator(".viewer-place")).to_contain_text("3 of ")
    page.go_back()
    expect(page.locator("dialog.viewer")).to_be_hidden()
    assert page.url == before
    page.go_forward()
    expect(page.locator("dialog.viewer")).to_be_visible()
    page.reload()
    expect(page.locator(".viewer-place")).to_contain_text("3 of ")
    page.keyboard.press("Escape")
    expect(page.locator("dialog.viewer")).to_be_hidden()
    wait_until(page, lambda: page.url == before)
    assert shown_ids(page) == ids


def test_a_link_to_it_opens_it_over_its_list(page, site):
    wanted = site.image_ids[3]
    page.goto(f"{site.url}?view={wanted}")
    expect(page.locator("dialog.viewer")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#title")).to_have_text("Library")
    wait_until(page, lambda: page.url == site.url)


def test_a_picture_that_is_gone_is_told_and_the_list_stays(page, pretended):
    page.goto(f"{pretended.url}?view={'0' * 32}")
    expect(page.locator("#toast")).to_contain_text("not there")
    expect(page.locator("dialog.viewer")).to_be_hidden()
    wait_until(page, lambda: page.url == pretended.url)


def test_arrows_go_on_and_the_focus_comes_back_to_the_last_one(viewer):
    ids = shown_ids(viewer)
    viewer.keyboard.press("ArrowRight")
    wait_until(viewer, lambda: viewed(viewer) == ids[3])
    viewer.keyboard.press("ArrowRight")
    wait_until(viewer, lambda: viewed(viewer) == ids[4])
    viewer.keyboard.press("ArrowLeft")
    wait_until(viewer, lambda: viewed(viewer) == ids[3])
    viewer.keyboard.press("Escape")
    wait_until(viewer, lambda: viewer.evaluate("document.activeElement.closest('.tile')?.dataset.id") == ids[3])
    assert "view=" not in viewer.url


def test_before_the_first_hit_comes_the_query_and_nothing_before_that(viewer, pretended):
    for _ in range(3):
        viewer.keyboard.press("ArrowLeft")
    wait_until(viewer, lambda: viewed(viewer) == pretended.image_ids[0])
    expect(viewer.locator(".viewer-place")).to_have_text("Query")
    expect(viewer.get_by_role("button", name="Previous picture")).to_be_hidden()
    viewer.keyboard.press("ArrowLeft")
    assert viewed(viewer) == pretended.image_ids[0]


def test_it_goes_on_beyond_the_first_page(page, pretended):
    open_search(page, pretended)
    held = []
    page.on("request", lambda request: held.append(request) if "/v1/search" in request.url else None)
    page.goto(f"{pretended.url}?image={pretended.image_ids[0]}")
    wait_for_results(page)
    open_large(page, 30)
    for number in range(32, 60):
        page.get_by_role("button", name="Next picture").click()
        expect(page.locator(".viewer-place")).to_contain_text(f"{number} of ")


def test_the_wheel_keys_and_a_double_click_zoom(viewer):
    box = picture_box(viewer)
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    viewer.mouse.move(*middle)
    viewer.mouse.wheel(0, -400)
    wait_until(viewer, lambda: scale(viewer) > 1.5)
    viewer.keyboard.press("0")
    wait_until(viewer, lambda: scale(viewer) == 1)
    viewer.keyboard.press("+")
    wait_until(viewer, lambda: scale(viewer) == 1.5)
    viewer.keyboard.press("-")
    wait_until(viewer, lambda: scale(viewer) == 1)
    viewer.mouse.dblclick(*middle)
    wait_until(viewer, lambda: scale(viewer) == 2.5)
    viewer.mouse.dblclick(*middle)
    wait_until(viewer, lambda: scale(viewer) == 1)
    viewer.get_by_role("button", name="Zoom in").click()
    wait_until(viewer, lambda: scale(viewer) == 1.5)


def test_what_is_under_the_mouse_stays_there_when_zooming(viewer):
    box = picture_box(viewer)
    x, y = box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.6
    viewer.mouse.move(x, y)
    viewer.mouse.wheel(0, -500)
    wait_until(viewer, lambda: scale(viewer) > 2)
    viewer.wait_for_timeout(300)
    after = picture_box(viewer)
    assert (x - after["x"]) / after["width"] == pytest.approx(0.4, abs=0.02)
    assert (y - after["y"]) / after["height"] == pytest.approx(0.6, abs=0.02)


def test_a_zoomed_picture_is_dragged_and_stays_on_the_stage(viewer):
    for _ in range(4):
        viewer.keyboard.press("+")
    viewer.wait_for_timeout(300)
    before = picture_box(viewer)
    viewer.mouse.move(640, 400)
    viewer.mouse.down()
    viewer.mouse.move(560, 400, steps=4)
    viewer.mouse.up()
    wait_until(viewer, lambda: picture_box(viewer)["x"] == pytest.approx(before["x"] - 80, abs=3))
    viewer.mouse.move(640, 400)
    viewer.mouse.down()
    viewer.mouse.move(5000, 400, steps=4)
    viewer.mouse.up()
    wait_until(viewer, lambda: picture_box(viewer)["x"] == pytest.approx(0, abs=2))
    viewer.keyboard.press("Shift+ArrowRight")
    wait_until(viewer, lambda: picture_box(viewer)["x"] == pytest.approx(-80, abs=3))


def test_more_like_it_leads_to_a_search_and_back_to_the_large_view(viewer):
    wanted = viewed(viewer)
    viewer.get_by_role("link", name="More like this").click()
    wait_until(viewer, lambda: viewer.url.endswith(f"?image={wanted}"))
    expect(viewer.locator("dialog.viewer")).to_be_hidden()
    wait_for_results(viewer)
    viewer.go_back()
    expect(viewer.locator("dialog.viewer")).to_be_visible()
    assert viewed(viewer) == wanted


def test_the_query_picture_is_viewed_by_key_even_when_it_is_not_in_the_library(page, pretended, generated):
    open_library(page, pretended)
    choose(page, generated[3][1], "mine.png")
    wait_for_results(page)
    page.keyboard.press("v")
    expect(page.locator(".viewer-name")).to_have_text("mine.png")
    expect(page.locator(".viewer-place")).to_have_text("Query")
    page.keyboard.press("Escape")
    expect(page.locator("dialog.viewer")).to_be_hidden()


def test_fingers_swipe_pinch_and_tap_twice(page_of, pretended):
    page = page_of(**PHONE)
    open_search(page, pretended)
    ids = shown_ids(page)
    finger = Fingers(page)
    finger.rest_on(page.locator(f"{TILES} .tile-link").first)
    page.locator(".menu").get_by_role("button", name="View large").tap()
    expect(page.locator(".viewer-picture")).to_have_class("viewer-picture loaded")
    finger.swipe((300, 400), (80, 410))
    wait_until(page, lambda: viewed(page) == ids[1])
    finger.swipe((80, 400), (300, 410))
    wait_until(page, lambda: viewed(page) == ids[0])
    pinch(finger)
    wait_until(page, lambda: scale(page) > 1.8)
    finger.swipe((300, 400), (80, 410))  # pans: the picture is enlarged
    assert viewed(page) == ids[0]
    for _ in range(2):
        page.touchscreen.tap(195, 400)
    wait_until(page, lambda: scale(page) == 1)
    finger.swipe((195, 300), (200, 560))
    expect(page.locator("dialog.viewer")).to_be_hidden()


def pinch(finger):
    """Two fingers, from 60 to 160 pixels apart."""

    def points(apart):
        return [{"x": 195 - apart / 2, "y": 400, "id": 1}, {"x": 195 + apart / 2, "y": 400, "id": 2}]

    finger.send("touchStart", points(60))
    for apart in range(70, 170, 10):
        finger.send("touchMove", points(apart))
    finger.send("touchEnd", [])
