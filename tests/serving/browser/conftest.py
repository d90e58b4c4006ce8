"""A real Chromium, and the page in front of either a pretended server or the real one."""

import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from lookalike.catalog import ImageAddition, content_id
from lookalike.preprocessing import Preprocessing, prepare
from serving.browser.driving import ADMIN_TOKEN, PATIENCE
from serving.browser.pretend_server import Library, Picture, generated_pictures, serving

FLAGS = [
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SMALL = Preprocessing(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))  # as the arithmetic model wants it
PLACES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

expect.set_options(timeout=PATIENCE * 1000)


@dataclass
class Site:
    """The page's address and what a test may know about the library behind it.

    Attributes:
        url: ends with a slash.
        image_ids: every image, in the order the page shows when browsing.
        events: reads the interactions that the server stored so far, as dicts.
    """

    url: str
    image_ids: list[str]
    events: Callable[[], list[dict]] = field(repr=False)

    def kinds(self, kind):
        return [event for event in self.events() if event["kind"] == kind]


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(15 * PATIENCE))  # a machine may be slow; what hangs is told earlier


# -- the two servers ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def generated():
    """(name, content, tags) of every generated picture."""
    return list(generated_pictures())


@pytest.fixture(scope="session")
def pretended_pictures(generated):
    return [Picture(content, name, tags) for name, content, tags in generated]


@pytest.fixture
def pretended(pretended_pictures):
    """The pretended server with its library."""
    library = Library({picture.id: picture for picture in pretended_pictures})
    with serving(library) as url:
        yield Site(f"{url}/", list(library.pictures), lambda: list(library.events.values()))


@pytest.fixture(scope="session")
def real_additions(generated):
    """The generated pictures as the catalog takes them, without vectors."""
    return [
        (prepared, {"content": content, "tags": tuple(tags)})
        for name, content, tags in generated
        for prepared in [prepare(content, SMALL, name=name)]
    ]


@pytest.fixture
def real(real_additions, library, server_of):
    """The real server in front of a real catalog, with a model made of arithmetic."""
    return _real_site(real_additions, library, server_of)


@pytest.fixture
def guarded(real_additions, library, server_of):
    """The same, where changes need the admin token `ADMIN_TOKEN`."""
    return _real_site(real_additions, library, server_of, admin_token=ADMIN_TOKEN)


def _real_site(additions, library, server_of, **settings):
    library.catalog.images.add([_addition(library.encoder, prepared, **how) for prepared, how in additions])
    library.catalog.models.set_live(library.indexer.model)
    server = server_of(drain_seconds=1, **settings)  # the browser may hold connections longer than the test
    shown = library.catalog.images.browse(limit=200).images
    return Site(server.url, [image.id for image in shown], lambda: _stored_events(library.folder / "catalog.sqlite"))


def _addition(encoder, prepared, *, content, tags):
    return ImageAddition(
        content_id=content_id(content),
        width=prepared.width,
        height=prepared.height,
        mean_colour=prepared.mean_colour,
        columns=prepared.columns,
        media_type=prepared.media_type,
        byte_count=len(content),
        upload=content,
        tags=tags,
        fingerprint=encoder.fingerprint,
        vector=encoder.encode_image(prepared.rows),
    )


def _stored_events(database):
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("SELECT * FROM interactions ORDER BY at").fetchall()
    events = [dict(row) for row in rows]
    for event in events:
        if isinstance(event["image_id"], bytes):
            event["image_id"] = event["image_id"].hex()
    return events


@pytest.fixture
def site(real):
    """The real server. Tests of results and events also ask the pretended one, which is held to it so."""
    return real


@pytest.fixture
def empty_site():
    """A library without pictures."""
    library = Library()
    with serving(library) as url:
        yield Site(f"{url}/", [], lambda: list(library.events.values()))


# -- the browser -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def chromium():
    """One browser process for the session."""
    found = os.environ.get("LOOKALIKE_CHROMIUM") or next(filter(None, map(shutil.which, PLACES)), None)
    if found is None:
        reason = f"no Chromium: none of {', '.join(PLACES)} is on the PATH, and LOOKALIKE_CHROMIUM is not set"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS + as_root)
        yield browser
        browser.close()


@pytest.fixture
def page_of(chromium):
    """Opens pages, of which none may end with a fault in its console or a breach of its content policy.

    A test that provokes a fault on purpose takes it out of `page.faults`.
    """
    contexts = []

    def make(**options):
        options.setdefault("viewport", {"width": 1280, "height": 800})
        context = chromium.new_context(**options)
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)
        page = context.new_page()
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda message: page.faults.append(message.text) if _is_fault(message) else None)
        page.add_init_script(SHIFT_SUM)
        return page

    yield make
    faults = [fault for context in contexts for page in context.pages for fault in getattr(page, "faults", [])]
    for context in contexts:
        context.close()
    assert faults == []


SHIFT_SUM = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.shifts += shift.value;
}).observe({ type: "layout-shift", buffered: true });
"""


def _is_fault(message):
    refused_on_purpose = re.match(r"Failed to load resource: the server responded with a status of 4\d\d", message.text)
    return message.type in {"error", "warning"} and not refused_on_purpose


@pytest.fixture
def page(page_of):
    """A desktop page that is not at any address yet."""
    return page_of()
