"""What was seen, clicked and looked at arrives at the server, once, with the right positions."""

import json
import time

import pytest

from serving.browser.driving import (
    PHONE,
    TILES,
    Fingers,
    open_library,
    open_search,
    shown_ids,
    wait_for_results,
    wait_until,
)


@pytest.fixture(params=[pytest.param("pretended", marks=pytest.mark.slow), "real"])
def site(request):
    """Both servers: what the page does must not depend on which one answers."""
    return request.getfixturevalue(request.param)


def test_what_was_in_view_for_a_second_is_an_impression_once(page, site):
    open_search(page, site)
    ids = shown_ids(page)
    seen = in_view(page)
    wait_until(page, lambda: set(seen) <= {event["image_id"] for event in site.kinds("impression")})
    page.mouse.wheel(0, 600)
    page.wait_for_timeout(1500)
    page.mouse.wheel(0, -600)
    page.wait_for_timeout(1500)
    page.goto("about:blank")
    page.wait_for_timeout(500)
    events = site.kinds("impression")
    met = [event["image_id"] for event in events]
    assert set(seen) <= set(met)
    assert len(met) == len(set(met)), "each once"
    assert len({event["query_id"] for event in events}) == 1
    assert all(event["position"] == ids.index(event["image_id"]) + 1 for event in events)


def test_an_impression_says_where_in_the_grid_and_on_the_screen(page, site):
    open_search(page, site)
    seen = in_view(page)
    wait_until(page, lambda: set(seen) <= {event["image_id"] for event in site.kinds("impression")})
    scroll_to(page, 1500)
    below = set(in_view(page)) - set(seen)
    wait_until(page, lambda: below <= {event["image_id"] for event in site.kinds("impression")})
    events = {event["image_id"]: event for event in site.kinds("impression")}
    columns = columns_of(page)
    assert {place(event)["column"] for event in events.values()} == set(range(1, len(columns) + 1))
    assert place(events[seen[0]]) == {"row": 1, "column": 1, "fold": 0}
    assert {place(events[image_id])["fold"] for image_id in seen} <= {0, 1}
    assert min(place(events[image_id])["fold"] for image_id in below) >= 1
    for column in range(1, len(columns) + 1):
        inside = sorted((event for event in events.values() if place(event)["column"] == column), key=position)
        rows = [place(event)["row"] for event in inside]  # what was between the two screens was not seen
        assert rows == sorted(set(rows))
        assert rows[:2] == [1, 2]
    assert all(event["session_id"] and event["client_id"] for event in events.values())
    assert len({(event["session_id"], event["client_id"]) for event in events.values()}) == 1


def position(event):
    return event["position"]


def place(event):
    """As both servers store it."""
    return {name: event.get(f"grid_{name}", event.get(name)) for name in ("row", "column", "fold")}


def columns_of(page):
    """Left edges of the tiles, from left to right."""
    return page.eval_on_selector_all(
        TILES, "tiles => [...new Set(tiles.map((tile) => Math.round(tile.getBoundingClientRect().left)))]"
    )


def test_a_visit_has_a_name_that_stays_and_the_browser_has_one_unless_it_asks_not_to_be_tracked(page_of, pretended):
    page = page_of()
    open_search(page, pretended)
    wait_until(page, lambda: pretended.kinds("impression"))
    before = len(pretended.events())
    page.reload()
    wait_for_results(page)
    wait_until(page, lambda: len(pretended.events()) > before)
    assert len({(event["session_id"], event["client_id"]) for event in pretended.events()}) == 1
    other = page_of()
    other.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })")
    open_search(other, pretended)
    wait_until(other, lambda: any("client_id" not in event for event in pretended.events()))
    assert len({event["session_id"] for event in pretended.events()}) == 2


def in_view(page):
    """Ids of tiles of which more than half is on the screen."""
    return page.eval_on_selector_all(
        TILES,
        """tiles => tiles.filter(tile => {
          const { top, bottom, height } = tile.getBoundingClientRect();
          return Math.min(bottom, innerHeight) - Math.max(top, 0) > height * 0.55;
        }).map(tile => tile.dataset.id)""",
    )


def test_what_only_flew_past_is_no_impression(page, pretended):
    page.clock.install()  # the page's time passes as the test says, however slow the machine
    open_search(page, pretended)
    page.clock.pause_at(page.evaluate("Date.now()") + 60_000)
    first = in_view(page)
    scroll_to(page, 1500)
    past = set(in_view(page)) - set(first)
    assert past
    page.clock.run_for(900)
    scroll_to(page, 0)
    page.clock.run_for(1100)
    page.clock.resume()
    wait_until(page, lambda: set(first) <= {event["image_id"] for event in pretended.kinds("impression")})
    assert not past & {event["image_id"] for event in pretended.kinds("impression")}


def scroll_to(page, top):
    """Until the page's own observer of what is in view has heard of it: one that comes after it in line has."""
    page.evaluate(
        """(top) => new Promise((done) => {
          scrollTo(0, top);
          const middle = [...document.querySelectorAll("image-grid .tile")].find((tile) => {
            const box = tile.getBoundingClientRect();
            return box.top > 0 && box.bottom < innerHeight && box.height;
          });
          const heard = (changes) => changes.at(-1).isIntersecting && done();
          new IntersectionObserver(heard, { threshold: [0.5] }).observe(middle);
        })""",
        top,
    )


def test_browsing_sends_nothing(page, site):
    open_library(page, site)
    page.wait_for_timeout(2500)
    page.goto("about:blank")
    page.wait_for_timeout(300)
    assert site.events() == []


def test_a_click_and_how_long_one_looked_at_it(page, site):
    open_search(page, site)
    third = shown_ids(page)[2]
    before = time.monotonic()
    page.locator(f"{TILES} .tile-link").nth(2).click()
    wait_until(page, lambda: third in page.url)
    wait_for_results(page)
    page.wait_for_timeout(1500)
    page.go_back()
    wait_until(page, lambda: site.kinds("dwell"))
    (click,), (dwell,) = site.kinds("click"), site.kinds("dwell")
    assert (click["image_id"], click["position"]) == (third, 3)
    assert (dwell["image_id"], dwell["position"], dwell["query_id"]) == (third, 3, click["query_id"])
    assert 1.4 <= dwell["dwell_seconds"] <= time.monotonic() - before


def test_looking_at_a_hit_in_the_large_view_is_a_dwell_and_so_is_each_one_after_it(page, site):
    open_search(page, site)
    ids = shown_ids(page)
    page.locator(f"{TILES} .tile-link").nth(1).focus()
    page.keyboard.press("v")
    page.locator("dialog.viewer").wait_for()
    page.wait_for_timeout(700)
    page.keyboard.press("ArrowRight")
    wait_until(page, lambda: ids[2] in page.url)
    page.wait_for_timeout(700)
    page.keyboard.press("Escape")
    wait_until(page, lambda: len(site.kinds("dwell")) == 2)
    seconds = {event["image_id"]: event["dwell_seconds"] for event in site.kinds("dwell")}
    assert set(seconds) == {ids[1], ids[2]}
    assert all(0.5 <= time <= 60 for time in seconds.values())
    assert [event["image_id"] for event in site.kinds("click")] == [ids[1]]


def test_only_time_with_the_focus_counts(page, pretended):
    open_search(page, pretended)
    second = shown_ids(page)[1]
    before = time.monotonic()
    page.locator(f"{TILES} .tile-link").nth(1).click()
    wait_until(page, lambda: second in page.url)
    wait_for_results(page)
    page.evaluate("document.hasFocus = () => false; dispatchEvent(new Event('blur'))")
    left = time.monotonic()
    page.wait_for_timeout(2000)
    away = time.monotonic() - left
    page.evaluate("document.hasFocus = () => true; dispatchEvent(new Event('focus'))")
    page.wait_for_timeout(500)
    page.go_back()
    wait_until(page, lambda: pretended.kinds("dwell"))
    (dwell,) = pretended.kinds("dwell")
    assert 0.5 <= dwell["dwell_seconds"] <= time.monotonic() - before - away


def test_a_hit_is_saved_and_called_not_similar_by_keyboard(page, site):
    open_search(page, site)
    ids = shown_ids(page)
    links = page.locator(f"{TILES} .tile-link")
    links.nth(1).focus()
    page.keyboard.press("s")
    page.locator(f"{TILES}[data-saved]").wait_for()
    links.nth(2).focus()
    page.keyboard.press("n")
    page.keyboard.press("n")
    wait_until(page, lambda: site.kinds("save") and site.kinds("not_similar"))
    (save,), (unlike,) = site.kinds("save"), site.kinds("not_similar")
    assert (save["image_id"], save["position"], unlike["image_id"], unlike["position"]) == (ids[1], 2, ids[2], 3)
    assert links.nth(1).get_attribute("aria-description") == "Saved"
    assert links.nth(2).get_attribute("aria-description") == "Called not similar"
    page.reload()
    wait_for_results(page)
    assert links.nth(1).get_attribute("aria-description") == "Saved"
    links.nth(1).focus()
    page.keyboard.press("s")
    page.locator(f"{TILES}[data-saved]").wait_for(state="detached")
    page.wait_for_timeout(2500)
    assert len(site.kinds("save")) == 1


def test_a_hit_is_saved_and_called_not_similar_by_a_finger(page_of, pretended):
    page = page_of(**PHONE)
    open_search(page, pretended)
    ids = shown_ids(page)
    for words in ("Save", "Not similar"):
        Fingers(page).rest_on(page.locator(f"{TILES} .tile-link").first)
        page.locator("dialog.menu").get_by_role("button", name=words).tap()
    wait_until(page, lambda: pretended.kinds("save") and pretended.kinds("not_similar"))
    assert {event["image_id"] for event in pretended.kinds("save") + pretended.kinds("not_similar")} == {ids[0]}


def test_in_the_library_there_is_nothing_to_call_similar(page, pretended):
    open_library(page, pretended)
    page.locator(f"{TILES} .tile-link").first.focus()
    page.keyboard.press("s")
    page.keyboard.press("n")
    page.locator(TILES).first.hover()
    page.locator(TILES).first.get_by_role("button", name="More actions").click()
    names = page.locator("dialog.menu .menu-item").all_inner_texts()
    assert names == ["More like this", "View large", "Open original", "Copy link"]
    page.wait_for_timeout(2300)
    assert pretended.events() == []


def test_leaving_the_page_sends_what_is_left(page, site):
    open_search(page, site)
    wait_until(page, lambda: site.kinds("impression"))
    first = shown_ids(page)[0]
    page.locator(f"{TILES} .tile-link").first.click()
    wait_until(page, lambda: first in page.url)
    wait_for_results(page)
    page.goto("about:blank")
    wait_until(page, lambda: site.kinds("dwell"))
    assert len(site.kinds("click")) == 1


def test_what_did_not_arrive_is_sent_again_under_the_same_name(page, pretended):
    bodies = []

    def lose_the_answer(route):
        document = json.loads(route.request.post_data)
        route.fetch()  # the server gets it, the page never hears so
        route.abort()
        bodies.append(document)

    page.route("**/v1/events", lose_the_answer)
    open_search(page, pretended)
    wait_until(page, lambda: bodies)
    again = []
    page.on("requestfinished", lambda request: again.append(ids_in(request)) if "/v1/events" in request.url else None)
    page.unroute("**/v1/events")
    sent = {event["event_id"] for event in bodies[0]["events"]}
    wait_until(page, lambda: any(sent <= ids for ids in again))
    met = [event["image_id"] for event in pretended.kinds("impression")]
    assert len(met) == len(set(met))
    page.faults.clear()  # the lost answers


def ids_in(request):
    return {event["event_id"] for event in json.loads(request.post_data or '{"events": []}')["events"]}


def test_one_refused_event_does_not_cost_the_others(page, pretended):
    spoiled: list[str] = []

    def spoil_one(route):
        document = json.loads(route.request.post_data)
        for event in document["events"]:
            if not spoiled or event["event_id"] in spoiled:
                spoiled.append(event["event_id"])
                event["position"] += 1000
        route.continue_(post_data=json.dumps(document))

    page.route("**/v1/events", spoil_one)
    open_search(page, pretended)
    wait_until(page, lambda: len(pretended.kinds("impression")) >= 4)
    assert spoiled[0] not in {event["event_id"] for event in pretended.events()}


def test_a_new_crop_is_a_new_query(page, site):
    open_search(page, site)
    wait_until(page, lambda: site.kinds("impression"))
    page.keyboard.press("c")
    wait_until(page, lambda: "crop=" in page.url)
    wait_for_results(page)
    wait_until(page, lambda: len({event["query_id"] for event in site.kinds("impression")}) == 2)


@pytest.mark.parametrize("button", ["middle", "left"])
def test_opening_a_hit_in_a_new_tab_is_a_click_without_dwell(page, pretended, button):
    open_search(page, pretended)
    link = page.locator(f"{TILES} .tile-link").first
    with page.context.expect_page():
        link.click(button=button, modifiers=["Control"] if button == "left" else None)
    wait_until(page, lambda: pretended.kinds("click"))
    assert f"image={pretended.image_ids[0]}" in page.url
    page.wait_for_timeout(500)
    assert len(pretended.kinds("click")) == 1
    assert pretended.kinds("dwell") == []
