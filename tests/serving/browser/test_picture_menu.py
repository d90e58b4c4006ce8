"""What can be done with one picture, and what is told of it."""

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


def test_a_long_press_opens_the_menu_and_no_search(page_of, site):
    page = page_of(**PHONE)
    open_library(page, site)
    first = shown_ids(page)[0]
    Fingers(page).rest_on(page.locator(f"{TILES} .tile-link").first)
    menu = page.locator("dialog.menu")
    expect(menu).to_be_visible()
    page.wait_for_timeout(300)
    assert page.url == site.url
    menu.get_by_role("button", name="More like this").tap()
    wait_for_results(page)
    assert page.url == f"{site.url}?image={first}"


def test_a_finger_that_scrolls_opens_nothing(page_of, pretended):
    page = page_of(**PHONE)
    open_library(page, pretended)
    finger = Fingers(page)
    finger.send("touchStart", [{"x": 100, "y": 500}])
    finger.send("touchMove", [{"x": 100, "y": 440}])
    page.wait_for_timeout(700)
    finger.send("touchEnd", [])
    expect(page.locator("dialog.menu")).to_be_hidden()


def test_a_tap_beside_the_menu_closes_it(page_of, pretended):
    page = page_of(**PHONE)
    open_library(page, pretended)
    Fingers(page).rest_on(page.locator(f"{TILES} .tile-link").first)
    expect(page.locator("dialog.menu")).to_be_visible()
    page.touchscreen.tap(200, 60)
    expect(page.locator("dialog.menu")).to_be_hidden()
    assert page.url == pretended.url


def test_the_keyboard_opens_the_menu_walks_it_and_comes_back(page_of, site):
    page = page_of(permissions=["clipboard-read", "clipboard-write"])
    open_library(page, site)
    link = page.locator(f"{TILES} .tile-link").first
    link.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="More like this")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("button", name="Copy link")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_have_text("Link copied")
    assert page.evaluate("navigator.clipboard.readText()") == f"{site.url}?image={shown_ids(page)[0]}"
    expect(page.locator(f"{TILES} .tile-more").first).to_be_focused()


def test_the_mouse_finds_the_menu_on_the_tile(page, pretended):
    open_search(page, pretended)
    tile = page.locator(TILES).nth(1)
    tile.hover()
    tile.get_by_role("button", name="More actions").click()
    expect(page.locator("dialog.menu")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog.menu")).to_be_hidden()


def test_names_and_dates_come_on_request_and_the_choice_is_kept(page, site):
    open_library(page, site)
    details = page.locator(f"{TILES} .tile-details").first
    expect(details).to_be_hidden()
    toggle = page.get_by_role("button", name="Details")
    toggle.click()
    expect(toggle).to_have_attribute("aria-pressed", "true")
    expect(details).to_be_visible()
    expect(details.locator(".tile-place")).to_contain_text("20")
    assert overlaps(page) == []
    page.reload()
    expect(details).to_be_visible()
    toggle.click()
    expect(details).to_be_hidden()
    page.reload()
    expect(page.locator(TILES).first).to_be_visible()
    expect(details).to_be_hidden()


def overlaps(page):
    """Pairs of tiles that lie over each other."""
    return page.eval_on_selector_all(
        f"{TILES}:not([hidden])",
        """tiles => {
          const boxes = tiles.map(tile => tile.getBoundingClientRect());
          const apart = (one, other) => one.right < other.left + 1 || one.bottom < other.top + 1;
          const overlap = (one, other) => !apart(one, other) && !apart(other, one);
          return boxes.flatMap((one, at) => boxes.slice(at + 1).filter(other => overlap(one, other)));
        }""",
    )


def test_a_long_name_is_cut_in_the_middle_and_runs_in_its_own_direction(page, pretended, generated):
    open_library(page, pretended)
    long = "a-photograph-of-a-very-long-afternoon-by-the-sea-with-everybody-in-it-0042.png"
    choose(page, generated[0][1], long)
    wait_for_results(page)
    name = page.locator("query-panel .name-text")
    expect(name).to_have_attribute("dir", "auto")
    expect(name).to_have_text(long)
    expect(name.locator(".name-end")).to_have_text("-0042.png")
    start = name.locator(".name-start")
    assert start.evaluate("one => one.scrollWidth > one.clientWidth")
    choose(page, generated[1][1], "תמונה מהים.png")
    wait_until(page, lambda: "תמונה" in name.text_content())
    assert name.evaluate("one => getComputedStyle(one).direction") == "rtl"
