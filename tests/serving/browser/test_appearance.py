"""Small screens, dark colours, the keyboard alone, and what a screen reader is told."""

import pytest
from playwright.sync_api import expect

from serving.browser.driving import (
    PHONE,
    SMALL_PHONE,
    TILES,
    Fingers,
    choose,
    open_library,
    open_search,
    shown_ids,
    violations,
    wait_for_crop,
    wait_for_results,
    wait_until,
)


def test_a_narrow_phone_never_scrolls_sideways(page_of, site, generated):
    page = page_of(**SMALL_PHONE)
    open_library(page, site)
    assert width_of(page) == 320
    choose(page, generated[3][1], "a-very-long-name-of-a-picture-that-does-not-fit-on-a-phone.png")
    wait_for_results(page)
    page.get_by_role("button", name="Crop", exact=True).tap()
    wait_for_crop(page, x=0.2)
    assert width_of(page) == 320
    choose(page, b"no", "not-a-picture-and-with-a-name-that-is-far-too-long-for-this-screen.png")
    expect(page.locator("drop-zone [role=alert]")).to_be_visible()
    assert width_of(page) == 320


def width_of(page):
    return page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")


def test_the_panel_folds_on_a_phone(page_of, pretended):
    page = page_of(**SMALL_PHONE)
    open_search(page, pretended)
    page.get_by_role("button", name="Hide or show the query picture").tap()
    expect(page.locator("crop-box")).to_be_hidden()
    page.get_by_role("button", name="Hide or show the query picture").tap()
    expect(page.locator("crop-box")).to_be_visible()


@pytest.mark.parametrize("phone", [PHONE, SMALL_PHONE], ids=["390", "320"])
def test_results_stay_on_the_screen_while_a_finger_crops(page_of, pretended, phone):
    page = page_of(**phone)
    open_search(page, pretended)
    page.get_by_role("button", name="Crop", exact=True).tap()
    wait_for_crop(page, x=0.2)
    wait_until(page, lambda: part_on_screen(page, f"{TILES} .tile-link") > 0.15)  # it glides there
    assert part_on_screen(page, ".crop-stage") > 0.1


def part_on_screen(page, selector):
    """Share of the screen's height that what is first of these takes."""
    box = page.locator(selector).first.bounding_box()
    height = page.viewport_size["height"]
    return (min(box["y"] + box["height"], height) - max(box["y"], 0)) / height


def test_the_query_stays_within_reach_on_a_phone(page_of, site):
    page = page_of(**PHONE)
    open_search(page, site)
    page.evaluate("scrollTo(0, 1500)")
    name = page.locator("query-panel h2")
    expect(page.locator("query-panel")).to_have_attribute("docked", "")
    assert name.bounding_box()["y"] < 60
    expect(page.locator("crop-box")).to_be_hidden()
    place = page.evaluate("scrollY")
    name.tap()
    expect(page.locator("crop-box")).to_be_visible()
    assert page.evaluate("scrollY") == place
    assert page.evaluate("window.shifts") < 0.05  # the record of the query may come after its picture
    x, y, width, height = (page.locator(".crop-stage").bounding_box()[side] for side in ("x", "y", "width", "height"))
    Fingers(page).swipe((x + 0.2 * width, y + 0.2 * height), (x + 0.7 * width, y + 0.8 * height))
    wait_for_crop(page, x=0.2, y=0.2, width=0.5, height=0.6)
    wait_until(page, lambda: page.evaluate("scrollY") < 100)  # the best hits, right below the picture
    expect(page.locator("crop-box")).to_be_visible()


def test_a_phone_on_its_side_shows_the_query_beside_the_results(page_of, pretended):
    page = page_of(viewport={"width": 844, "height": 390}, has_touch=True, is_mobile=True)
    open_search(page, pretended)
    query, first = (page.locator(part).first.bounding_box() for part in ("query-panel", TILES))
    assert query["x"] + query["width"] <= first["x"]
    assert first["y"] < 200


@pytest.mark.parametrize("size", [(1280, 720), (1366, 650), (1440, 900)])
def test_facts_and_tags_are_in_sight_on_a_laptop(page_of, pretended, size):
    page = page_of(viewport=dict(zip(("width", "height"), size, strict=True)))
    open_search(page, pretended, pretended.image_ids[1])
    for part in (".facts", ".tag"):
        box = page.locator(f"query-panel {part}").first.bounding_box()
        assert box["y"] + box["height"] < size[1]


@pytest.mark.parametrize("phone", [PHONE, SMALL_PHONE], ids=["390", "320"])
def test_what_a_finger_presses_is_large_enough(page_of, pretended, phone):
    page = page_of(**phone)
    open_search(page, pretended)
    assert too_small(page, ".top button, .top a, query-panel button, query-panel .button, details-toggle button") == []
    Fingers(page).rest_on(page.locator(f"{TILES} .tile-link").first)
    page.locator(".menu").get_by_role("button", name="View large").wait_for()
    assert too_small(page, ".menu-item") == []
    page.locator(".menu").get_by_role("button", name="View large").tap()
    expect(page.locator("dialog.viewer")).to_be_visible()
    assert too_small(page, ".viewer button, .viewer .button") == []


def too_small(page, selector):
    small = page.eval_on_selector_all(
        selector,
        """all => all.map(one => [one.ariaLabel || one.textContent, one.getBoundingClientRect()])
          .filter(([, box]) => box.width && (box.width < 43 || box.height < 43)).map(([name]) => name)""",
    )
    return [name for name in small if name]


def test_a_shared_link_shows_no_ring(page, site):
    open_search(page, site, crop="0.1234,0.2345,0.3456,0.4567")
    page.wait_for_timeout(200)
    assert page.evaluate("document.activeElement === document.body")
    invalid = page.eval_on_selector_all(
        "input", "all => all.filter(one => one.matches(':invalid')).map(one => one.name)"
    )
    assert invalid == []


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize("phone", [True, False])
def test_axe_finds_nothing(page_of, pretended, direction, phone):
    page = page_of(**(PHONE if phone else {}))
    open_search(page, pretended)
    page.evaluate("direction => (document.documentElement.dir = direction)", direction)
    assert violations(page) == []
    page.locator(f"{TILES} .tile-more").first.dispatch_event("click")
    page.wait_for_timeout(300)
    assert violations(page) == []
    page.locator(".menu").get_by_role("button", name="View large").click()
    expect(page.locator(".viewer-picture")).to_have_class("viewer-picture loaded")
    assert violations(page) == []
    assert width_of(page) == page.viewport_size["width"]


def lightness(page):
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(int(part) for part in colour[4:-1].split(",")[:3]) / 3


def test_colours_follow_the_system_and_the_button_which_is_remembered(page_of, site):
    page = page_of(color_scheme="dark")
    open_library(page, site)
    assert lightness(page) < 60
    toggle = page.get_by_role("button", name="Colours")
    toggle.click()
    assert lightness(page) < 60
    toggle.click()
    assert lightness(page) > 200
    page.reload()
    assert lightness(page) > 200
    page.get_by_role("button", name="Colours").click()
    assert lightness(page) < 60


CONTRASTS = """() => {
  const ground = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    ground.clearRect(0, 0, 1, 1);
    ground.fillStyle = colour;
    ground.fillRect(0, 0, 1, 1);
    return [...ground.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return rgb("white");
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility({ visibilityProperty: true })) continue;
    if (node.closest(":disabled, .visually-hidden, .toast")) continue;
    const [one, other] = [light(rgb(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) found.push([walker.currentNode.data.trim(), ratio]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(page_of, pretended, scheme):
    page = page_of(color_scheme=scheme)
    open_library(page, pretended)
    assert page.evaluate(CONTRASTS) == []
    open_search(page, pretended)
    assert page.evaluate(CONTRASTS) == []
    choose(page, b"no", "no.png")
    expect(page.locator("drop-zone [role=alert]")).to_be_visible()
    assert page.evaluate(CONTRASTS) == []


def test_nothing_moves_for_those_who_asked_for_that(page_of, pretended):
    page = page_of(reduced_motion="reduce")
    open_search(page, pretended)
    longest = page.eval_on_selector_all(
        "*", "all => Math.max(...all.map(one => parseFloat(getComputedStyle(one).transitionDuration)))"
    )
    assert longest < 0.01


def test_a_whole_journey_by_keyboard(page, site):
    open_library(page, site)
    page.keyboard.press("/")
    expect(page.locator("#choose")).to_be_focused()
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("Boolean(document.activeElement.closest('.tile'))"):
            break
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    opened = page.evaluate("document.activeElement.closest('.tile').dataset.id")
    assert opened != shown_ids(page)[0]
    page.keyboard.press("Enter")
    wait_for_results(page)
    assert opened in page.url
    expect(page.locator("query-panel h2")).to_be_focused()
    page.keyboard.press("c")
    page.keyboard.press("Shift+ArrowLeft")
    wait_for_crop(page, x=0.2, width=0.58)
    page.keyboard.press("Escape")
    wait_until(page, lambda: "crop" not in page.url)
    page.keyboard.press("Alt+ArrowLeft")
    page.keyboard.press("Alt+ArrowLeft")
    page.keyboard.press("Alt+ArrowLeft")
    if "image=" in page.url:  # headless Chromium has no Alt+Left
        page.evaluate("history.go(-3)")
    wait_until(page, lambda: page.url == site.url)
    wait_until(page, lambda: page.evaluate("document.activeElement.closest('.tile')?.dataset.id") == opened)


def test_arrows_go_to_neighbours_on_the_screen(page, site):
    open_library(page, site)
    page.locator(f"{TILES} .tile-link").first.focus()
    here = place_of_focus(page)
    page.keyboard.press("ArrowRight")
    right = place_of_focus(page)
    assert right["x"] > here["x"]
    page.keyboard.press("ArrowDown")
    below = place_of_focus(page)
    assert (below["x"], below["y"] > right["y"]) == (right["x"], True)
    page.keyboard.press("ArrowUp")
    assert place_of_focus(page) == right
    page.keyboard.press("ArrowLeft")
    assert place_of_focus(page)["x"] == here["x"]
    there = shown_ids(page)
    page.keyboard.press("End")
    rank = page.evaluate("Number(document.activeElement.closest('.tile').ariaPosInSet)")
    assert rank >= len(there)  # more may come at any moment


def place_of_focus(page):
    return page.evaluate(
        """() => {
          const { x, y } = document.activeElement.closest(".tile").getBoundingClientRect();
          return { x, y: y + scrollY };
        }"""
    )


def test_help_shows_the_keys_and_closes(page, pretended):
    open_library(page, pretended)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_a_screen_reader_is_told_what_came(page, site):
    open_library(page, site)
    expect(page.locator("#live")).to_contain_text(f"{len(site.image_ids)} pictures")
    open_search(page, site)
    expect(page.locator("#live")).to_contain_text("results. ")


def test_the_page_has_landmarks_and_every_control_a_name(page, site):
    open_search(page, site)
    for role in ("banner", "main", "search", "complementary"):
        expect(page.get_by_role(role)).to_have_count(1)
    nameless = page.eval_on_selector_all(
        "button, a, input, img",
        """all => all.filter(one => one.checkVisibility() && !(one.ariaLabel || one.textContent.trim()
          || one.labels?.length || one.hasAttribute("alt"))).map(one => one.outerHTML)""",
    )
    assert nameless == []


def test_skipping_leads_past_the_bar(page, pretended):
    open_library(page, pretended)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the pictures")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    assert page.url == pretended.url


def test_nothing_comes_from_elsewhere(page, site):
    hosts = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2] if request.url.startswith("http") else ""))
    open_library(page, site)
    open_search(page, site)
    assert hosts - {""} == {site.url.split("/")[2]}
