"""An experiment is started, watched and stopped on the dashboard, by the owner and nobody else."""

import pytest
from playwright.sync_api import expect

from lookalike.serving import Services
from serving.browser.driving import ADMIN_TOKEN, TILES, violations, wait_for_results, wait_until
from serving.rivals import parts_with_a_rival


@pytest.fixture
def shop(tmp_path):
    """A library of twelve pictures, with another model beside the one that answers."""
    with parts_with_a_rival(tmp_path, pictures=12) as parts:
        yield parts


def start(page, site, name, model="rival"):
    page.goto(f"{site}dashboard")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Model to try").select_option(model)
    page.get_by_role("button", name="Start experiment").click()
    expect(page.locator(".experiment h3")).to_have_text(f"{name} (running)")


def click_a_hit(page, site, image_id):
    page.goto(f"{site}?image={image_id}")
    wait_for_results(page)
    page.wait_for_timeout(1200)
    page.locator(f"{TILES} .tile-link").nth(1).click()
    wait_until(page, lambda: image_id not in page.url)
    page.goto("about:blank")


def test_an_experiment_runs_is_watched_and_stopped(page, shop, server_of):
    site = server_of(Services.of(shop), drain_seconds=1).url
    start(page, site, "try")
    (running,) = shop.catalog.experiments.all()
    assert (running.challenger, running.control, running.kind.value) == ("rival", "tiny", "interleave")
    page.wait_for_timeout(1200)  # the engine looks once a second whether one runs
    click_a_hit(page, site, shop.catalog.images.browse(limit=1).images[0].id)
    wait_until(page, lambda: any(one.clicks for one in shop.catalog.experiments.outcomes("try")))
    page.goto(f"{site}dashboard")
    seen = sum(bool(one.impressions or one.clicks) for one in shop.catalog.experiments.outcomes("try"))
    expect(page.locator(".experiment tbody tr").first).to_contain_text(f"{seen}")
    expect(page.locator(".experiment")).to_have_attribute("data-decision", "running")
    chart = page.locator(".chart", has=page.get_by_role("heading", name="Click-through rate by arm of experiments"))
    assert "try: both" in chart.locator("svg text").all_text_contents()
    assert violations(page) == []
    page.get_by_role("button", name="Stop try").click()
    expect(page.locator(".experiment h3")).to_have_text("try (stopped: stopped on the dashboard)")
    assert shop.catalog.experiments.running() is None
    actions = [(one.action, one.subject) for one in shop.catalog.audit.latest(limit=5)]
    assert ("experiment.start", "try") in actions
    assert ("experiment.stop", "try") in actions


def test_what_cannot_be_started_is_explained(page, shop, server_of):
    site = server_of(Services.of(shop), drain_seconds=1).url
    start(page, site, "try")
    page.get_by_role("button", name="Stop try").click()
    expect(page.locator("#experiment-form")).to_be_visible()
    page.get_by_label("Name").fill("try")
    page.get_by_label("Model to try").select_option("rival")
    page.get_by_role("button", name="Start experiment").click()
    expect(page.locator("#experiment-fault")).to_contain_text("there was one of that name")
    page.faults.clear()


def test_only_the_owner_sees_experiments(page, shop, server_of):
    site = server_of(Services.of(shop), admin_token=ADMIN_TOKEN, drain_seconds=1).url
    page.goto(f"{site}dashboard")
    page.get_by_label("Admin token").fill(ADMIN_TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#experiments")).to_contain_text("There was no experiment yet.")
    page.faults.clear()  # the first answer was 401
