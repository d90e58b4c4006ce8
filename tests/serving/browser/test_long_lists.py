"""Lists of ten thousand pictures and more: few nodes, any place at once, and the same place again."""

import re

import pytest
from playwright.sync_api import expect

from serving.browser.conftest import Site
from serving.browser.driving import (
    TILES,
    hold_back,
    open_library,
    release,
    shown_ids,
    wait_for_rest,
    wait_for_results,
    wait_until,
)
from serving.browser.pretend_server import Library, Picture, serving, tiny_pictures

LAPTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}
both_sizes = pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
MOST_NODES = 2000


def served(count):
    pictures = [Picture(content, name, tags) for name, content, tags in tiny_pictures(count)]
    library = Library({picture.id: picture for picture in pictures})
    with serving(library) as url:
        yield Site(f"{url}/", list(library.pictures), lambda: list(library.events.values()))


@pytest.fixture(scope="module")
def long_site():
    yield from served(10_000)


@pytest.fixture
def very_long_site():
    yield from served(100_000)


def open_long(page, site):
    """Until every place of the list is known."""
    open_library(page, site)
    wait_until(page, lambda: page.locator(TILES).first.get_attribute("aria-setsize") is not None)
    wait_until(page, lambda: page.evaluate("document.body.scrollHeight") > 20 * len(site.image_ids))


def nodes(page):
    return page.evaluate("document.querySelectorAll('*').length")


def middle(page):
    """Rank (from 1) and id of the picture in the middle of the screen, once it is there."""
    found = page.evaluate("""() => {
      const far = (tile) => {
        const { left, top, width, height } = tile.getBoundingClientRect();
        return Math.hypot(left + width / 2 - innerWidth / 2, top + height / 2 - innerHeight / 2);
      };
      const [tile] = [...document.querySelectorAll(".tile")].sort((one, other) => far(one) - far(other));
      return tile && tile.classList.contains("loaded") ? [Number(tile.ariaPosInSet), tile.dataset.id] : null;
    }""")
    return tuple(found) if found else None


def settled_middle(page):
    wait_until(page, lambda: middle(page))
    wait_for_rest(page, lambda: middle(page))
    return middle(page)


def scroll_to(page, share):
    page.evaluate("share => scrollTo(0, share * document.body.scrollHeight)", share)
    wait_for_rest(page, lambda: page.evaluate("scrollY"))


def check_everywhere(page, site):
    open_long(page, site)
    counts = []
    for share in (0.1, 0.5, 0.9, 1.0, 0.0):
        scroll_to(page, share)
        rank, image_id = settled_middle(page)
        assert site.image_ids[rank - 1] == image_id
        assert abs(rank / len(site.image_ids) - share) < 0.05
        positions = page.eval_on_selector_all(TILES, "tiles => tiles.map(tile => Number(tile.ariaPosInSet))")
        assert positions == sorted(positions)
        counts.append(nodes(page))
    assert max(counts) < MOST_NODES, counts


@both_sizes
def test_any_place_is_at_once_there_with_few_nodes(page_of, long_site, size):
    check_everywhere(page_of(**size), long_site)


@pytest.mark.slow
@both_sizes
def test_a_hundred_thousand_pictures_need_no_more_nodes(page_of, very_long_site, size):
    check_everywhere(page_of(**size), very_long_site)


@both_sizes
def test_back_and_reload_return_to_the_place(page_of, long_site, size):
    page = page_of(**size)
    open_long(page, long_site)
    scroll_to(page, 0.6)
    place, scroll = settled_middle(page), page.evaluate("scrollY")
    page.locator(f"{TILES}[data-id='{place[1]}'] .tile-link").click()
    wait_for_results(page)
    page.go_back()
    wait_until(page, lambda: settled_middle(page) == place)
    assert abs(page.evaluate("scrollY") - scroll) < 3
    page.reload()
    wait_until(page, lambda: page.evaluate("scrollY") > 0)
    assert settled_middle(page) == place
    assert abs(page.evaluate("scrollY") - scroll) < 3


def test_only_what_is_looked_at_is_asked_for(page, long_site):
    asked = []
    page.on("request", lambda request: asked.append(request.url) if re.search(r"/v1/images\?", request.url) else None)
    open_long(page, long_site)
    page.evaluate("""() => new Promise((done) => {
      let step = 0;
      const fling = () => {
        scrollBy(0, 3000);
        (step += 1) < 100 ? requestAnimationFrame(fling) : done();
      };
      fling();
    })""")
    settled_middle(page)
    assert len(asked) < 150  # of the 350 blocks that were flown over


def test_keys_reach_both_ends_and_the_focus_waits_for_its_picture(page, long_site):
    open_long(page, long_site)
    page.locator(f"{TILES} .tile-link").first.focus()
    page.keyboard.press("End")
    last = long_site.image_ids[-1]
    wait_until(page, lambda: focused(page) == last)
    page.keyboard.press("ArrowUp")
    wait_until(page, lambda: focused(page) in long_site.image_ids[-40:-1])
    page.keyboard.press("Home")
    assert focused(page) == long_site.image_ids[0]
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_count(1)


def focused(page):
    return page.evaluate("document.activeElement.closest('.tile')?.dataset.id")


def test_the_focus_stays_where_it_was_while_one_scrolls(page, long_site):
    open_long(page, long_site)
    page.locator(f"{TILES} .tile-link").nth(3).focus()
    held = focused(page)
    scroll_to(page, 0.5)
    settled_middle(page)
    assert focused(page) == held
    assert shown_ids(page)[0] == held  # first in the document, as it is in the list


def test_turning_a_phone_keeps_the_place(page_of, long_site):
    page = page_of(**PHONE)
    open_long(page, long_site)
    scroll_to(page, 0.4)
    before, _ = settled_middle(page)
    page.set_viewport_size({"width": 800, "height": 390})
    wait_until(page, lambda: middle(page) and abs(middle(page)[0] - before) < 40, lambda: f"{middle(page)} {before}")


def test_pictures_deleted_meanwhile_leave_a_place_empty(page, real, library):
    """The places were given out before: none is filled with another picture, and none is shown twice."""
    held = hold_back(page, "**/v1/images?*cursor=*")
    open_library(page, real)
    page.mouse.wheel(0, 1500)
    wait_until(page, lambda: held)
    for gone in real.image_ids[60:62]:
        library.catalog.images.delete(gone)
    page.unroute("**/v1/images?*cursor=*")
    release(held)
    scroll_to(page, 1.0)
    expect(page.locator(".tile.pending [data-says='No longer in the library']")).to_have_count(2)
    expect(page.locator(".tile.pending [aria-label='Loading']")).to_have_count(0)
    ids = [image_id for image_id in shown_ids(page) if image_id]
    assert len(ids) == len(set(ids)) > 20
