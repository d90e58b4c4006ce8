"""A server with keys: the page asks for one, keeps it where no script can read it, and forgets it."""

import pytest
from playwright.sync_api import expect

from lookalike.catalog import KeyWish, Scope
from lookalike.serving.access.check import COOKIE
from lookalike.serving.access.keyring import SECONDS
from serving.browser.driving import TILES, open_search, shown_ids, violations, wait_until


@pytest.fixture
def key_of(real, library):
    """Makes keys of the real server's library; from then on the server asks for one."""
    return lambda *scopes: library.catalog.keys.create(KeyWish(name="a", scopes=frozenset(scopes)))[0]


def sign_in(page, key):
    dialog = page.get_by_role("dialog", name="Sign in")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Key").fill(key)
    dialog.get_by_role("button", name="Sign in").click()


def cookie_of(page):
    return next((one for one in page.context.cookies() if one["name"] == COOKIE), None)


def test_a_key_opens_the_library_and_no_script_can_read_it(page, real, key_of):
    key = key_of(Scope.SEARCH, Scope.EVENTS)
    page.goto(real.url)
    assert page.locator(TILES).count() == 0
    sign_in(page, key)
    expect(page.locator(TILES).first).to_be_visible()
    cookie = cookie_of(page)
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["expires"]) == (True, "Strict", -1)
    kept = page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie, location.href])")
    assert key not in kept
    assert COOKIE not in kept
    open_search(page, real)
    page.reload()
    wait_until(page, lambda: len(shown_ids(page)) > 1)
    loaded = page.locator(f"{TILES} img").first
    wait_until(page, lambda: loaded.evaluate("image => image.naturalWidth > 0"))  # pictures come with the cookie
    wait_until(page, lambda: real.kinds("impression"))


def test_a_wrong_key_is_refused_and_kept_nowhere(page, real, key_of):
    key_of(Scope.SEARCH)
    page.goto(real.url)
    sign_in(page, "lk_wrongkey_" + "x" * 43)
    expect(page.get_by_role("alert").filter(has_text="That is not a key of this library.")).to_be_visible()
    assert cookie_of(page) is None
    assert page.locator(TILES).count() == 0


def test_a_revoked_key_is_asked_for_again(page, real, key_of, library):
    key = key_of(Scope.SEARCH)
    page.goto(real.url)
    sign_in(page, key)
    expect(page.locator(TILES).first).to_be_visible()
    library.catalog.keys.revoke(key.split("_")[1])
    page.wait_for_timeout(1000 * SECONDS + 200)  # so long an answer of the catalog holds
    page.reload()
    expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()
    assert page.locator(TILES).count() == 0


def test_whoever_signed_in_with_a_key_signs_out(page, real, key_of):
    key = key_of(Scope.SEARCH)
    page.goto(real.url)
    sign_in(page, key)
    expect(page.locator(TILES).first).to_be_visible()
    page.get_by_role("button", name="Keyboard help").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()
    assert cookie_of(page) is None
    assert page.locator(TILES).count() == 0


def test_a_key_that_may_change_manages_pictures_without_a_token(page, real, key_of):
    key = key_of(Scope.SEARCH, Scope.WRITE)
    page.goto(real.url)
    sign_in(page, key)
    expect(page.locator(TILES).first).to_be_visible()
    first, second = shown_ids(page)[:2]
    page.get_by_role("button", name="Keyboard help").click()
    page.get_by_role("button", name="Owner sign-in").click()
    page.get_by_role("button", name="Manage pictures").click()
    page.locator(f"{TILES} .tile-more").first.press("Enter")
    page.locator("dialog.menu").get_by_role("button", name="Hide").click()
    wait_until(page, lambda: shown_ids(page)[0] == second)
    page.locator("undo-bar").get_by_role("button", name="Undo").click()
    wait_until(page, lambda: shown_ids(page)[0] == first)


def test_the_dialog_is_accessible(page, real, key_of):
    key_of(Scope.SEARCH)
    page.goto(real.url)
    expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()
    assert violations(page) == []
