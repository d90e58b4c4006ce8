"""Hits are filtered on the page: the address, the counts and the hits agree, by mouse, keyboard and finger."""

import httpx
import pytest
from playwright.sync_api import expect

from serving.browser.driving import (
    PHONE,
    TILES,
    choose,
    open_library,
    open_search,
    shown_ids,
    violations,
    wait_for_results,
    wait_until,
)


@pytest.fixture
def records(real):
    """Every image's record by id."""
    listed = httpx.get(f"{real.url}v1/images?limit=200").json()["images"]
    return {image["id"]: image for image in listed}


def open_filters(page):
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page.locator("#filter-panel")).to_be_visible()
    expect(page.locator(".filter-tags button").first).to_be_visible()


def tag(page, name):
    return page.locator(f'.filter-tags button[data-tag="{name}"]')


def wait_for_hits(page, meets):
    """Until every hit that is shown meets something, and there are some."""
    wait_for_results(page)
    wait_until(page, lambda: bool(shown_ids(page)) and all(map(meets, shown_ids(page))))


def test_a_tag_is_chosen_and_taken_back(page, real, records):
    open_search(page, real)
    open_filters(page)
    tag(page, "even").click()
    wait_for_hits(page, lambda one: "even" in records[one]["tags"])
    assert "tags=even" in page.url
    expect(page.get_by_role("button", name="Filter (1)")).to_be_visible()
    expect(tag(page, "even")).to_have_attribute("aria-pressed", "true")
    tag(page, "even").click()
    wait_until(page, lambda: not all("even" in records[one]["tags"] for one in shown_ids(page)))
    assert "tags" not in page.url


def test_the_counts_are_those_of_the_server(page, real):
    open_search(page, real)
    open_filters(page)
    query = {"image_id": real.image_ids[0], "facets": True, "limit": 1}
    facets = httpx.post(f"{real.url}v1/search", json=query).json()["facets"]
    for name, count in facets["tags"].items():
        expect(tag(page, name)).to_have_text(f"{name} {count}")
    shapes = page.get_by_label("Shape").locator("option").all_inner_texts()
    told = {"landscape": "Landscape", "portrait": "Portrait", "square": "Square"}
    assert shapes == ["Any", *(f"{told[name]} ({count})" for name, count in facets["orientations"].items())]


def test_conditions_are_combined_kept_in_the_address_and_cleared(page, real, records):
    open_search(page, real)
    open_filters(page)
    page.get_by_label("Shape").select_option("portrait")

    def is_portrait(one):
        return records[one]["height"] > records[one]["width"]

    wait_for_hits(page, is_portrait)
    tag(page, "odd").click()
    wait_for_hits(page, lambda one: is_portrait(one) and "odd" in records[one]["tags"])
    expected = shown_ids(page)
    page.reload()
    wait_for_results(page)
    wait_until(page, lambda: shown_ids(page) == expected)
    page.get_by_role("button", name="Filter (2)").click()
    page.get_by_role("button", name="Clear filters").click()
    wait_until(page, lambda: not all(map(is_portrait, shown_ids(page))))
    page.go_back()
    wait_until(page, lambda: shown_ids(page) == expected)


def test_a_colour_narrows_the_hits(page, real, records):
    open_search(page, real)
    open_filters(page)
    colour = httpx.get(f"{real.url}v1/images/{real.image_ids[3]}").json()["mean_colour"]
    page.get_by_label("Colour", exact=True).fill(colour)
    wait_until(page, lambda: f"colour=%23{colour[1:]}" in page.url)
    query = {"image_id": real.image_ids[0], "filters": {"colour": colour}, "limit": 50}
    answer = httpx.post(f"{real.url}v1/search", json=query).json()
    alike = {hit["image"]["id"] for hit in answer["hits"]}
    assert 0 < len(alike) < len(records) - 1
    wait_for_hits(page, alike.__contains__)
    assert page.get_by_label("Colour like").is_checked()
    page.get_by_label("Colour like").uncheck()
    wait_until(page, lambda: "colour" not in page.url)


def test_filters_that_nothing_meets_say_so_and_are_cleared(page, real):
    open_search(page, real)
    page.goto(f"{page.url}&from=1999-01-01&to=1999-12-31")
    expect(page.locator("page-notice")).to_contain_text("No picture meets the filters")
    page.locator("page-notice").get_by_role("button", name="Clear filters").click()
    wait_for_results(page)
    assert "1999" not in page.url


def test_filters_go_on_with_the_next_search_and_with_a_crop(page, real, records):
    open_search(page, real)
    page.goto(f"{page.url}&tags=even")
    wait_for_hits(page, lambda one: "even" in records[one]["tags"])
    page.locator(f"{TILES} .tile-link").first.click()
    wait_until(page, lambda: real.image_ids[0] not in page.url)
    assert "tags=even" in page.url
    wait_for_hits(page, lambda one: "even" in records[one]["tags"])


def test_a_picture_from_the_disk_is_filtered_too(page, real, generated, records):
    open_library(page, real)
    assert page.get_by_role("button", name="Filter", exact=True).is_hidden()  # lists are not filtered
    choose(page, generated[4][1])
    wait_for_results(page)
    open_filters(page)
    tag(page, "odd").click()
    wait_for_hits(page, lambda one: "odd" in records[one]["tags"])
    assert "upload=" in page.url


def test_it_works_on_a_phone_and_is_accessible(page_of, real, records):
    page = page_of(**PHONE)
    open_search(page, real)
    page.get_by_role("button", name="Filter", exact=True).tap()
    tag(page, "even").tap()
    wait_for_hits(page, lambda one: "even" in records[one]["tags"])
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for button in page.locator(".filter-tags button, .filter-head button, .filter-panel select").all():
        box = button.bounding_box()
        assert box is None or box["height"] >= 44
    assert violations(page) == []
