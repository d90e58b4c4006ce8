"""Draw docs/page.png: the page on a laptop and a phone, over the sample pictures of `make demo`.

make demo                                  # in another terminal
.venv/bin/python scripts/picture_page.py [ADDRESS]
"""

import io
import os
import shutil
import sys
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

OUTPUT = Path(__file__).resolve().parent.parent / "docs" / "page.png"
QUERY = "cat-face.1f431"  # part of a sample's name
CROP = "0.1000,0.0500,0.8000,0.6500"
LAPTOP = {"viewport": {"width": 1180, "height": 760}}
PHONE = {"viewport": {"width": 360, "height": 760}, "has_touch": True, "is_mobile": True, "color_scheme": "dark"}
GAP = 24
COLOURS = 256


def main(address: str) -> None:
    """Find the sample, open its search on both screens, put the pictures of them side by side."""
    search = f"{address}/?image={sample(address)}&crop={CROP}"
    with sync_playwright() as playwright:
        chromium = os.environ.get("LOOKALIKE_CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        screens = [screen(browser, search, **how) for how in (LAPTOP, PHONE)]
        browser.close()
    sheet = Image.new("RGB", (sum(one.width for one in screens) + GAP, screens[0].height), "#d8d5d1")
    sheet.paste(screens[0], (0, 0))
    sheet.paste(screens[1], (screens[0].width + GAP, 0))
    sheet.convert("P", palette=Image.Palette.ADAPTIVE, colors=COLOURS).save(OUTPUT, optimize=True)


def sample(address: str) -> str:
    """The id of the sample to search by."""
    cursor = ""
    while True:
        page = httpx.get(f"{address}/v1/images", params={"limit": 200, **({"cursor": cursor} if cursor else {})}).json()
        for image in page["images"]:
            if QUERY in (image["source_name"] or ""):
                return str(image["id"])
        cursor = page["next_cursor"]
        if not cursor:
            sys.exit(f"{address}: no picture is named like {QUERY!r}: is this the library of `make demo`?")


def screen(browser: Browser, address: str, **how: object) -> Image.Image:
    """The page on one screen, when its pictures are there."""
    page = browser.new_context(**how).new_page()  # type: ignore[arg-type]
    page.goto(address)
    page.wait_for_selector(".tile.loaded .closeness")
    page.wait_for_load_state("networkidle")
    page.eval_on_selector(".notes", "notes => notes.remove()")  # milliseconds: of this machine, at this moment
    page.wait_for_timeout(500)
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/") if len(sys.argv) > 1 else "http://127.0.0.1:8420")
