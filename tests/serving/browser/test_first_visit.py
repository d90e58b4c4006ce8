"""How the page comes: few requests from a bundle, module by module without one, and nothing twice."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lookalike.serving import pages
from serving.browser.driving import TILES, open_library, open_search, wait_until

BUNDLE_PAGE = Path(__file__).parents[3] / "scripts" / "bundle_page.py"


@pytest.fixture(scope="session")
def bundled(tmp_path_factory):
    """A copy of the page with its bundle."""
    folder = tmp_path_factory.mktemp("bundled") / "page"
    shutil.copytree(pages.FOLDER, folder, ignore=shutil.ignore_patterns("bundle*"))
    done = subprocess.run([sys.executable, BUNDLE_PAGE, folder], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(done.stderr)
    return folder


@pytest.fixture
def bundled_site(bundled, monkeypatch, request):
    monkeypatch.setattr(pages.PageRoutes.__init__, "__defaults__", (bundled,))
    return request.getfixturevalue("real")


def asked_for(page):
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    return addresses


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, {"width": 390, "height": 800}])
def test_a_bundled_page_needs_few_requests(page_of, bundled_site, viewport):
    page = page_of(viewport=viewport)
    asked = asked_for(page)
    open_library(page, bundled_site)
    own = {address for address in asked if "/v1/" not in address}
    assert len(own) <= 7, own
    assert sum("/v1/images?" in address and "cursor" not in address for address in asked) == 1
    open_search(page, bundled_site)
    assert page.locator(TILES).count() > 8


def test_thumbnails_are_not_asked_for_again_while_one_scrolls_back(page, real):
    open_library(page, real)
    wait_until(page, lambda: page.locator(".tile.loaded").count() > 20)
    asked = asked_for(page)
    page.evaluate("scrollTo(0, 1e9)")
    wait_until(page, lambda: page.locator(f"{TILES}[aria-posinset='1']").count() == 0)
    asked.clear()
    sent = []
    page.on("response", lambda response: sent.append(response) if "/content" in response.url else None)
    page.evaluate("scrollTo(0, 0)")
    wait_until(page, lambda: page.locator(f"{TILES}.loaded[aria-posinset='1']").count() == 1)
    assert [response.status for response in sent if response.status == 304] == []
