"""What people do on the page, and what they see, in one place."""

import contextlib
import json
import re
import time

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, expect

TILES = "image-grid .tile"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SMALL_PHONE = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
ADMIN_TOKEN = "correct horse"
PATIENCE = 60  # seconds for what takes a tenth of a second on a quiet machine: only what never comes may fail


def open_library(page, site):
    page.goto(site.url)
    expect(page.locator(TILES).first).to_be_visible()


def open_search(page, site, image_id=None, crop=None):
    """The page of an image's look-alikes, straight from its address."""
    address = f"{site.url}?image={image_id or site.image_ids[0]}" + (f"&crop={crop}" if crop else "")
    page.goto(address)
    wait_for_results(page)


def wait_for_results(page):
    """Until hits, not skeletons or a library, are shown."""
    expect(page.locator("image-grid")).to_have_attribute("aria-busy", "false")
    expect(page.locator(f"{TILES} .closeness").first).to_be_visible()


def shown_ids(page):
    """Image ids in the order of the document."""
    return page.eval_on_selector_all(TILES, "tiles => tiles.map(tile => tile.dataset.id)")


def ranks(page):
    """The ranks that are read out, in the order of the document."""
    labels = page.eval_on_selector_all(f"{TILES} .tile-link", "links => links.map(link => link.ariaLabel)")
    return [int(label.split(".")[0]) for label in labels]


def crop_in_address(page):
    """x, y, width, height in fractions; None without a crop."""
    found = re.search(r"crop=([\d.,]+)", page.url.replace("%2C", ","))
    return tuple(float(part) for part in found[1].split(",")) if found else None


def wait_for_crop(page, **wanted):
    """Until there are results of a crop; x=, y=, width= or height= say about where it is."""
    wait_for_address(page, **wanted)
    wait_for_results(page)


def wait_for_address(page, **wanted):
    """Until the address has that crop, which is when it is asked for."""
    names = ("x", "y", "width", "height")

    def is_there():
        crop = crop_in_address(page)
        return crop and all(abs(crop[names.index(name)] - value) < 0.04 for name, value in wanted.items())

    wait_until(page, is_there, lambda: f"crop {crop_in_address(page)}, wanted {wanted}")


def wait_until(page, holds, explain=lambda: "it never came true"):
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, explain()
        page.wait_for_timeout(50)


def wait_for_rest(page, look):
    """Until what `look` returns is the same twice, some frames apart: what the page had to do is done then."""
    seen = None

    def is_at_rest():
        nonlocal seen
        before, seen = seen, look()
        page.evaluate(FRAMES)
        return before == seen

    wait_until(page, is_at_rest, lambda: f"it never came to rest: {seen}")


FRAMES = """() => new Promise((done) => {
  const wait = (left) => (left ? requestAnimationFrame(() => wait(left - 1)) : done());
  wait(3);
})"""


def stage_box(page):
    """Where the query picture is on the screen."""
    box = page.locator(".crop-stage").bounding_box()
    return box["x"], box["y"], box["width"], box["height"]


def drag(page, start, end, steps=8):
    """With the mouse, between two points given in fractions of the query picture."""
    x, y, width, height = stage_box(page)
    page.mouse.move(x + start[0] * width, y + start[1] * height)
    page.mouse.down()
    page.mouse.move(x + end[0] * width, y + end[1] * height, steps=steps)
    page.mouse.up()


class Fingers:
    """Fingers on the screen of a page that has touch."""

    def __init__(self, page):
        self.page = page
        self._session = page.context.new_cdp_session(page)

    def send(self, kind, points):
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def swipe(self, start, end, steps=8):
        """One finger, between two points of the screen."""
        self.send("touchStart", [dict(zip("xy", start, strict=True))])
        for step in range(1, steps + 1):
            share = step / steps
            place = (one + (other - one) * share for one, other in zip(start, end, strict=True))
            self.send("touchMove", [dict(zip("xy", place, strict=True))])
        self.send("touchEnd", [])

    def rest_on(self, locator, milliseconds=700):
        """A long press, near the top of an element."""
        box = locator.bounding_box()
        self.send("touchStart", [{"x": box["x"] + box["width"] / 2, "y": box["y"] + min(box["height"] / 2, 30)}])
        self.page.wait_for_timeout(milliseconds)
        self.send("touchEnd", [])


def choose(page, content, name="query.png", media_type="image/png"):
    """Choose a file from the disk."""
    page.set_input_files("drop-zone input", {"name": name, "mimeType": media_type, "buffer": content})


def hand_over(page, kind, content, name="query.png", media_type="image/png"):
    """Paste or drop a file anywhere on the page."""
    page.evaluate(
        """([kind, bytes, name, type]) => {
          const carried = new DataTransfer();
          carried.items.add(new File([new Uint8Array(bytes)], name, { type }));
          const options = { bubbles: true, cancelable: true };
          if (kind === "paste") {
            document.body.dispatchEvent(new ClipboardEvent("paste", { ...options, clipboardData: carried }));
            return;
          }
          for (const type of ["dragenter", "dragover", "drop"]) {
            document.body.dispatchEvent(new DragEvent(type, { ...options, dataTransfer: carried }));
          }
        }""",
        [kind, list(content), name, media_type],
    )


def hold_back(page, address):
    """Requests to that address wait in the list that is returned, until a test lets them go on."""
    held = []
    page.route(address, lambda route: held.append(route))  # noqa: PLW0108 - Playwright takes no built-in function
    return held


def asked_crop(route):
    """The crop (x, y, width, height in fractions) that a held search by image id asks for; None without one."""
    crop = json.loads(route.request.post_data).get("crop")
    return crop and tuple(crop[name] for name in ("x", "y", "width", "height"))


def release(routes):
    """Let held requests go on; those that the page gave up meanwhile are gone already."""
    for route in routes:
        with contextlib.suppress(Error):
            route.continue_()


def violations(page):
    """What axe-core has to say, of every standard it knows; what lies behind an open dialog cannot be reached."""
    context = "dialog[open]" if page.locator("dialog[open]").count() else None
    found = Axe().run(page, context=context).response["violations"]
    return [(violation["id"], [node["html"] for node in violation["nodes"]]) for violation in found]
