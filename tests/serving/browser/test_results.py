"""The grid: its order, its places, its pages, and what is said when there is nothing to show."""

import json

import pytest
from playwright.sync_api import expect

from serving.browser.driving import (
    TILES,
    choose,
    drag,
    hold_back,
    open_library,
    open_search,
    ranks,
    release,
    shown_ids,
    wait_for_crop,
    wait_for_rest,
    wait_for_results,
    wait_until,
)


@pytest.fixture(params=["pretended", "real"])
def site(request):
    """Both servers: what the page does must not depend on which one answers."""
    return request.getfixturevalue(request.param)


def test_nodes_and_the_tab_key_go_by_rank(page, site):
    open_search(page, site)
    assert ranks(page) == list(range(1, len(ranks(page)) + 1))
    ids = shown_ids(page)
    page.locator(f"{TILES} .tile-link").first.focus()
    met: list[str] = []
    while len(met) < 4:
        current = page.evaluate("document.activeElement.closest('.tile')?.dataset.id")
        if current not in met:
            met.append(current)
        page.keyboard.press("Tab")
    assert met == ids[:4]


def test_ranks_grow_downwards_in_every_column(page, site):
    open_search(page, site)
    places = page.eval_on_selector_all(
        TILES,
        """tiles => tiles.map(tile => tile.getBoundingClientRect())
          .map(({ left, top, right, bottom }) => [left, top, right, bottom])""",
    )
    for left in {place[0] for place in places}:
        tops = [place[1] for place in places if place[0] == left]
        assert tops == sorted(tops)
    assert not any(overlap(one, other) for number, one in enumerate(places) for other in places[:number])


def overlap(one, other):
    return one[0] < other[2] - 1 and other[0] < one[2] - 1 and one[1] < other[3] - 1 and other[1] < one[3] - 1


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, {"width": 360, "height": 740}])
def test_nothing_shifts(page_of, site, viewport):
    page = page_of(viewport=viewport)
    open_library(page, site)
    page.mouse.wheel(0, 1500)
    page.wait_for_timeout(700)
    page.mouse.wheel(0, -1500)
    page.wait_for_timeout(500)
    library = page.evaluate("shifts")
    page.goto(f"{site.url}?image={site.image_ids[3]}")
    wait_for_results(page)
    page.wait_for_timeout(700)
    assert (library, page.evaluate("shifts")) == (pytest.approx(0, abs=0.02), pytest.approx(0, abs=0.02))


def test_nothing_shifts_while_cropping_and_going_back(page, pretended):
    open_search(page, pretended)
    drag(page, (0.1, 0.1), (0.5, 0.5))
    wait_for_crop(page, x=0.1)
    page.wait_for_timeout(700)
    page.go_back()
    page.wait_for_timeout(700)
    assert page.evaluate("shifts") < 0.02


def test_more_come_while_scrolling(page, site):
    open_search(page, site)
    met: dict[str, str] = {}

    def scrolled_to_the_end():
        wait_until(page, lambda: page.locator("image-grid .tile.pending").count() == 0)
        met.update(page.eval_on_selector_all(TILES, "tiles => tiles.map(tile => [tile.ariaPosInSet, tile.dataset.id])"))
        page.evaluate("scrollBy(0, 500)")
        wait_for_rest(page, lambda: (page.evaluate("scrollY"), shown_ids(page)))
        return page.locator("#more-end").is_visible() and page.evaluate(AT_THE_END)

    wait_until(page, scrolled_to_the_end)
    scrolled_to_the_end()
    assert sorted(map(int, met)) == list(range(1, len(met) + 1))
    assert len(set(met.values())) == len(met) > 40
    expect(page.locator("#more-end")).to_contain_text(f"{len(met)} pictures")


def test_pictures_that_come_while_one_waits_at_the_end_are_not_scrolled_past(page, pretended):
    open_search(page, pretended)
    held = hold_back(page, "**/v1/search")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    wait_until(page, lambda: held and page.evaluate(AT_THE_END))
    wait_for_rest(page, lambda: page.evaluate("scrollY"))
    before, height = page.evaluate("[scrollY, document.body.scrollHeight]")
    release(held)
    wait_until(page, lambda: page.evaluate("document.body.scrollHeight") > height)
    wait_for_rest(page, lambda: page.evaluate("scrollY"))
    assert page.evaluate("scrollY") == before


AT_THE_END = "scrollY + innerHeight >= document.body.scrollHeight - 2"


def test_a_page_that_does_not_come_is_asked_for_again(page, site):
    page.route("**/v1/images/outline?*", lambda route: route.abort())
    page.route("**/healthz", lambda route: route.abort())
    open_library(page, site)
    height = page.evaluate("document.body.scrollHeight")
    page.mouse.wheel(0, 5000)
    expect(page.locator("#more-error")).to_contain_text("cannot be reached")
    page.unroute("**/v1/images/outline?*")
    page.unroute("**/healthz")
    wait_until(page, lambda: page.evaluate("document.body.scrollHeight") > height + 1000)
    expect(page.locator("#more-error")).to_be_hidden()
    page.faults.clear()


def test_what_looks_the_same_is_shown_on_request(page, site, generated):
    first_copy = next(number for number, (name, _, _) in enumerate(generated) if name.endswith("copy1"))
    open_library(page, site)
    choose(page, generated[first_copy - 1][1])
    wait_for_results(page)
    group = page.get_by_role("button", name="+2 the same").first
    group.click()
    expect(group).to_have_attribute("aria-expanded", "true")
    links = page.locator(".tile-group:visible a")
    expect(links).to_have_count(2)
    assert links.last.bounding_box()["y"] < page.locator(TILES).first.bounding_box()["height"] + 160
    links.first.click()
    wait_for_results(page)
    expect(page.locator("query-panel h2")).to_be_visible()


def test_a_blurred_copy_is_blurred_under_a_hit_that_is_not(page, site, generated):
    first_copy = next(number for number, (name, _, _) in enumerate(generated) if name.endswith("copy1"))

    def blur_one(route):
        answer = route.fetch()
        document = answer.json()
        grouped = next(hit for hit in document["hits"] if len(hit["duplicates"]) == 2)
        grouped["blurred_duplicates"] = grouped["duplicates"][1:]
        route.fulfill(response=answer, body=json.dumps(document))

    page.route("**/v1/search", blur_one)
    open_library(page, site)
    choose(page, generated[first_copy - 1][1])
    wait_for_results(page)
    page.get_by_role("button", name="+2 the same").first.click()
    copies = page.locator(".tile-group:visible a img")
    expect(copies).to_have_count(2)
    filters = [copies.nth(place).evaluate("image => getComputedStyle(image).filter") for place in range(2)]
    assert [one == "none" for one in filters] == [True, False]


def test_no_close_match_is_said(page, pretended):
    def weaken(route):
        answer = route.fetch()
        document = answer.json()
        for hit in document["hits"]:
            hit["match"] = "none"
        route.fulfill(response=answer, body=json.dumps(document))

    page.route("**/v1/search", weaken)
    open_search(page, pretended)
    expect(page.locator("#summary")).to_contain_text("No close match in this library")
    expect(page.locator("#live")).to_contain_text("No close match")


def test_closeness_is_said_in_words_with_the_number_behind(page, site):
    open_search(page, site)
    words = set(page.locator(".closeness").all_text_contents())
    assert words <= {"Nearly the same", "Very close", "Close", "Loosely related", "Not close"}
    assert "of 100 in this library" in page.locator(".closeness").first.get_attribute("title")


def test_an_empty_library_says_how_to_fill_it(page, empty_site):
    page.goto(empty_site.url)
    expect(page.locator("page-notice")).to_contain_text("This library is empty")
    expect(page.locator("page-notice code")).to_have_text("lookalike index ~/Pictures")


def test_while_loading_grey_tiles_stand_in(page, pretended):
    held = hold_back(page, "**/v1/images?*")
    page.goto(pretended.url)
    expect(page.locator("image-grid")).to_have_attribute("aria-busy", "true")
    assert page.locator(".skeleton").count() > 6
    wait_until(page, lambda: held)
    held[0].continue_()
    expect(page.locator(TILES).first).to_be_visible()
    expect(page.locator(".skeletons")).to_be_hidden()


def test_a_fault_is_explained_in_the_servers_words_and_can_be_retried(page, pretended):
    problem = {"type": "urn:lookalike:problem:model-missing", "title": "The model is missing", "status": 503,
               "detail": "run: lookalike models pull clip-vit-b16"}  # fmt: skip
    page.route(
        "**/v1/search",
        lambda route: route.fulfill(status=503, content_type="application/problem+json", body=json.dumps(problem)),
    )
    page.goto(f"{pretended.url}?image={pretended.image_ids[0]}")
    notice = page.locator("page-notice[role=alert]")
    expect(notice).to_contain_text("The model is missing")
    expect(notice).to_contain_text("lookalike models pull clip-vit-b16")
    page.unroute("**/v1/search")
    page.get_by_role("button", name="Try again").click()
    wait_for_results(page)
    expect(notice).to_be_hidden()
    page.faults.clear()  # Chromium writes the 503 to its console


def test_an_unknown_image_leads_back_to_the_library(page, site):
    page.goto(f"{site.url}?image={'f' * 32}")
    expect(page.locator("page-notice[role=alert]")).to_be_visible()
    page.get_by_role("button", name="Browse the library").click()
    expect(page.locator(TILES).first).to_be_visible()


def test_offline_is_said_and_what_was_asked_goes_on_later(page, pretended):
    open_library(page, pretended)
    page.context.set_offline(True)
    expect(page.locator("#offline")).to_be_visible()
    page.locator(f"{TILES} .tile-link").first.click()
    expect(page.locator("page-notice")).to_contain_text("You are offline")
    page.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()
    wait_for_results(page)
    page.faults.clear()


def test_an_image_that_vanished_says_so(page, pretended):
    page.route("**/content?size=*", lambda route: route.fulfill(status=404))
    open_library(page, pretended)
    expect(page.locator(".tile-link[data-says='No longer in the library']").first).to_be_visible()


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, {"width": 390, "height": 800}])
def test_pictures_come_when_the_server_is_back(page_of, pretended, viewport):
    page = page_of(viewport=viewport)
    page.route("**/content?size=*", lambda route: route.abort())
    page.route("**/healthz", lambda route: route.abort())
    open_library(page, pretended)
    expect(page.locator(".tile-link[data-says]").first).to_be_visible()
    expect(page.locator("#offline")).to_contain_text("The server does not answer")
    page.unroute("**/content?size=*")
    page.unroute("**/healthz")
    expect(page.locator("#offline")).to_be_hidden()
    expect(page.locator(".tile.loaded").first).to_be_visible()
    wait_until(page, lambda: page.locator(".tile-link[data-says]").count() == 0)
    page.faults.clear()


def test_what_failed_goes_on_when_the_server_is_back(page, pretended, generated):
    """A list, a search and an upload: each is done and its message gone, without a click."""
    page.route("**/v1/**", lambda route: route.abort())
    page.route("**/healthz", lambda route: route.abort())
    page.goto(pretended.url)
    expect(page.locator("page-notice[role=alert]")).to_contain_text("cannot be reached")
    choose(page, generated[0][1], "mine.png")
    message = page.locator("drop-zone [role=alert]")
    expect(message).to_contain_text("cannot be reached")
    page.unroute("**/v1/**")
    page.unroute("**/healthz")
    wait_for_results(page)
    expect(page.locator("query-panel h2")).to_have_text("mine.png")
    expect(message).to_be_hidden()
    expect(page.locator("page-notice")).to_be_hidden()
    page.go_back()
    expect(page.locator("#title")).to_have_text("Library")
    expect(page.locator(TILES).first).to_be_visible()
    page.faults.clear()


def test_the_grid_follows_the_window(page, site):
    open_library(page, site)
    wide = columns(page)
    page.set_viewport_size({"width": 500, "height": 800})
    wait_until(page, lambda: columns(page) < wide)
    assert columns(page) >= 2
    page.set_viewport_size({"width": 1280, "height": 800})
    wait_until(page, lambda: columns(page) == wide)


def columns(page):
    return len(set(page.eval_on_selector_all(TILES, "tiles => tiles.map(tile => tile.getBoundingClientRect().left)")))
