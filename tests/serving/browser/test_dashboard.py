"""The dashboard shows what was done on the page, exactly, to everybody who may see it and however they look at it."""

import json
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from feedback.fixed_log import EVENTS, SEARCHES
from serving.browser.driving import (
    ADMIN_TOKEN,
    SMALL_PHONE,
    TILES,
    open_search,
    shown_ids,
    violations,
    wait_for_results,
    wait_until,
)

FIXED = "since=2026-10-24&until=2026-11-01&time_zone=Europe%2FBerlin"


@pytest.fixture
def logged(library):
    """The log that was worked out by hand, in the library of the real server."""
    library.catalog.queries.write(SEARCHES)
    library.catalog.interactions.write(EVENTS)


def open_dashboard(page, site, period=""):
    page.goto(f"{site.url}dashboard?{period}")
    expect(page.locator("#figures")).to_have_attribute("aria-busy", "false")


def number(page, name):
    """A figure and what stands below it."""
    card = page.locator(".number", has=page.get_by_text(name, exact=True))
    return [card.locator(part).inner_text() for part in (".value", ".detail")]


def table(page, title):
    """The rows behind a chart."""
    chart = page.locator(".chart", has=page.get_by_role("heading", name=title, exact=True))
    chart.locator("summary").click()
    return [row.split("\t") for row in chart.locator("tbody tr").all_inner_texts()]


def test_what_was_done_on_the_page_is_what_the_dashboard_shows(page, real, library):
    open_search(page, real)
    third = shown_ids(page)[2]
    wait_until(page, lambda: real.kinds("impression"))
    page.mouse.wheel(0, 700)
    page.wait_for_timeout(1500)
    page.mouse.wheel(0, -700)
    page.locator(f"{TILES} .tile-link").nth(2).click()
    wait_until(page, lambda: third in page.url)
    wait_for_results(page)
    page.wait_for_timeout(1500)
    page.go_back()
    wait_until(page, lambda: real.kinds("dwell"))
    page.goto("about:blank")
    page.wait_for_timeout(1000)
    query_image = lambda event: library.catalog.queries.get(event["query_id"]).image_id  # noqa: E731
    events = [event for event in real.events() if event["image_id"] != query_image(event)]
    queries = {event["query_id"] for event in events}
    shown = {(event["query_id"], event["image_id"]) for event in events}
    seconds = sum(event["dwell_seconds"] or 0 for event in events)
    assert (len(real.kinds("click")), len(real.kinds("dwell"))) == (1, 1)
    open_dashboard(page, real, "time_zone=UTC")
    value, detail = number(page, "Click-through rate")
    assert value == f"{100 / len(shown):.1f} %"
    assert detail == f"1 of {len(shown)} suggested images clicked"
    assert number(page, "Time each month")[1].startswith(f"{seconds:.1f} s over ")
    assert number(page, "Searches")[0] == str(library.catalog.counts().queries)
    assert number(page, "Abandoned")[1] == f"{len(queries) - 1} of {len(queries)} searches of which hits were seen"
    today = table(page, "Click-through rate by day")[-1]
    assert today[:3] == [datetime.now(UTC).date().isoformat(), str(len(shown)), "1"]
    assert today[4:] == [f"{seconds:.1f}", "1"]
    third_shown = {event["query_id"] for event in events if event["position"] == 3}
    clicked = [row[:3] for row in table(page, "Click-through rate by position") if row[2] != "0"]
    assert clicked == [["3", str(len(third_shown)), "1"]]


def test_the_fixed_log_is_shown_as_it_was_worked_out_by_hand(page, real, logged):
    open_dashboard(page, real, FIXED)
    assert page.locator("#about").inner_text() == "2026-10-24 to 2026-11-01, days of Europe/Berlin: 2 people"
    value, detail = number(page, "Click-through rate")
    assert (value, detail.split(" (")[0]) == ("50.0 %", "3 of 6 suggested images clicked")
    assert number(page, "Time each day")[0] == "23.3 s"
    assert number(page, "Time each week") == ["1.8 min", "210.0 s over 2 weeks; 52.5 s per active person"]
    assert number(page, "Abandoned")[0] == "25.0 %"
    days = table(page, "Time spent by day")
    assert [row[4] for row in days] == ["0.0", "90.0", "0.0", "0.0", "0.0", "0.0", "0.0", "0.0", "120.0"]
    expect(page.locator("#simulated")).to_be_hidden()


def test_simulated_data_are_labelled_and_kept_apart(page, real, logged):
    open_dashboard(page, real, FIXED)
    page.get_by_label("Events of").select_option("simulated users")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#simulated")).to_be_visible()
    expect(page.locator("#simulated")).to_have_text("Simulated: no person did any of this.")
    expect(page).to_have_title("Simulated · Dashboard · lookalike")
    assert "simulated=true" in page.url
    page.go_back()
    expect(page.locator("#simulated")).to_be_hidden()


def test_where_there_is_a_token_the_owner_signs_in(page, guarded):
    page.goto(f"{guarded.url}dashboard")
    page.get_by_label("Admin token").fill(ADMIN_TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".number")).to_have_count(8)
    page.faults.clear()  # the first answer was 401


def test_the_owners_menu_leads_there(page, real):
    open_search(page, real)
    page.get_by_role("button", name="Keyboard help").click()
    page.get_by_role("button", name="Owner sign-in").click()
    page.get_by_role("button", name="Manage pictures").click()
    page.get_by_role("button", name="Owner", exact=True).click()
    page.get_by_role("button", name="Dashboard").click()
    expect(page.locator(".number")).to_have_count(8)


def test_a_period_that_makes_no_sense_is_explained(page, real):
    page.goto(f"{real.url}dashboard?since=2026-02-02&until=2026-02-01")
    expect(page.locator("#fault")).to_contain_text("not after the last one")
    page.faults.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(page_of, real, logged, scheme):
    page = page_of(color_scheme=scheme)
    open_dashboard(page, real, FIXED)
    assert violations(page) == []
    labels = page.eval_on_selector_all(
        ".drawing svg", "drawings => drawings.map((one) => one.getAttribute('aria-label'))"
    )
    assert len(labels) >= 4
    assert "Click-through rate by position: 5 values; the highest is 100.0 % (1)" in labels


def test_on_a_phone_nothing_scrolls_sideways(page_of, real, logged):
    page = page_of(**SMALL_PHONE)
    open_dashboard(page, real, FIXED)
    page.locator(".chart summary").first.tap()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert violations(page) == []


def test_the_bars_carry_their_numbers_without_colours(page, real, logged):
    open_dashboard(page, real, FIXED)
    chart = page.locator(".chart", has=page.get_by_role("heading", name="Click-through rate by what was searched by"))
    texts = chart.locator("svg text").all_text_contents()
    assert json.dumps(texts) == json.dumps(["image", "66.7 %", "picture", "50.0 %", "part of an image", "0.0 %"])
