"""The report in a real Chromium, from the disk."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import sync_playwright

from evaluation.report.example_report import report
from lookalike.evaluation.report import write_report
from serving.browser.conftest import FLAGS, PLACES

pytestmark = pytest.mark.browser


def test_it_opens_asks_nothing_and_can_be_searched(tmp_path):
    executable = os.environ.get("LOOKALIKE_CHROMIUM") or next(filter(None, map(shutil.which, PLACES)), None)
    if executable is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium")
        pytest.skip("no Chromium")
    given = report()
    path = tmp_path / "report.html"
    write_report(given, path)
    with ThreadPoolExecutor(1) as thread:  # Playwright allows one session a thread, and the page's tests may hold one
        seen = thread.submit(look, executable, path).result()

    assert seen["requests"] == [path.as_uri()]
    assert seen["faults"] == []
    assert seen["pictures"] == [True] * 5
    assert all(width == 375 for width in seen["widths"])
    assert seen["dark"] != seen["light"]
    assert seen["hidden without script"]
    assert seen["rows without script"] == 40

    values = dict(zip(given.served.queries, given.served.values[:, 0].tolist(), strict=True))
    downwards = sorted(
        (query for query in values if values[query] == values[query]), key=lambda q: -round(values[q], 3)
    )  # as shown
    assert seen["descending"] == [*downwards, "q7.jpg"]
    assert seen["ascending"][-1] == "q7.jpg"  # not defined is last both ways
    assert seen["found"] == {f"q{row}.jpg" for row in range(8)}
    assert seen["count"] == "8 of 40 queries"


def look(executable, path):
    requests: list = []
    faults: list = []
    seen: dict = {"faults": faults}
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS + as_root)
        page = browser.new_page(viewport={"width": 375, "height": 800}, color_scheme="light")
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(path.as_uri())
        seen["pictures"] = page.eval_on_selector_all("img", "all => all.map(one => one.naturalWidth === 32)")
        seen["widths"] = [page.evaluate("document.documentElement.scrollWidth")]
        seen["light"] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.emulate_media(color_scheme="dark")
        seen["dark"] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        head = page.get_by_role("button", name="nDCG@10")
        head.focus()
        page.keyboard.press("Enter")
        seen["descending"] = names(page)
        page.keyboard.press("Enter")
        seen["ascending"] = names(page)
        page.get_by_role("searchbox", name="Find").fill("red")
        seen["found"] = set(names(page))
        seen["count"] = page.locator("#count").inner_text()
        seen["widths"].append(page.evaluate("document.documentElement.scrollWidth"))
        plain = browser.new_context(java_script_enabled=False).new_page()
        plain.goto(path.as_uri())
        seen["hidden without script"] = plain.locator("#filters").is_hidden()
        seen["rows without script"] = plain.locator("#per-query tbody tr").count()
        browser.close()
    seen["requests"] = [url for url in requests if not url.startswith("data:")]
    return seen


def names(page):
    """Of the rows that are shown, in their order."""
    return page.eval_on_selector_all(
        "#per-query tbody tr:not([hidden])", "rows => rows.map(row => row.cells[0].textContent)"
    )
