"""The page behind a proxy that serves it below a path of its own and takes that path off what it passes on."""

import pytest
from playwright.sync_api import expect

from serving.browser.conftest import Site
from serving.browser.driving import TILES, choose, open_library, open_search, wait_for_results, wait_until
from serving.browser.pretend_server import Library, serving


@pytest.fixture
def below(pretended_pictures):
    """Knows of its path nothing but what the browser asked for; whatever leaves the path is not found."""
    library = Library({picture.id: picture for picture in pretended_pictures})
    with serving(library, below="/photos") as url:
        yield Site(f"{url}/", list(library.pictures), lambda: list(library.events.values()))


def test_pictures_show_and_searches_stay_below_the_path(page, below, generated):
    lost = []
    page.on("response", lambda answer: lost.append(answer.url) if answer.status == 404 else None)
    open_library(page, below)
    wait_until(page, lambda: shown_pictures(page) > 0)
    choose(page, generated[3][1])
    wait_for_results(page)
    wait_until(page, lambda: shown_pictures(page) > 0)
    assert lost == []
    assert page.url.startswith(f"{below.url}?upload=")


def test_links_to_originals_and_home_stay_below_the_path(page, below):
    open_search(page, below)
    page.locator(f"{TILES} .tile-more").first.dispatch_event("click")
    originals = page.eval_on_selector_all("a[target=_blank]", "links => links.map(link => link.href)")
    assert len(originals) == 2  # the query's, and the one in the menu
    page.keyboard.press("Escape")
    assert [link for link in originals if not link.startswith(f"{below.url}v1/images/")] == []
    page.locator("#home").click()
    expect(page).to_have_url(below.url)


def shown_pictures(page):
    return page.eval_on_selector_all("img.tile-picture", "all => all.filter(one => one.naturalWidth > 0).length")
