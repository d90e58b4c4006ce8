"""What was seen, clicked and looked at arrives at the server, once, with the right positions."""

import json
import time

import pytest

from serving.browser.driving import TILES, open_library, open_search, shown_ids, wait_for_results, wait_until


@pytest.fixture(params=["pretended", "real"])
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
