"""A picture comes in: chosen, pasted, dropped, refused, added to the library."""

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from pictures import jpeg_bytes, oriented_bytes, photo
from serving.browser.driving import (
    choose,
    drag,
    hand_over,
    open_library,
    open_search,
    shown_ids,
    wait_for_crop,
    wait_for_results,
    wait_until,
)


def test_a_chosen_file_is_searched_by(page, site, generated):
    name, content, _ = generated[0]
    open_library(page, site)
    choose(page, content, name)
    wait_for_results(page)
    expect(page.locator("query-panel h2")).to_have_text(name)
    expect(page.locator("query-panel .facts").first).to_contain_text(re.compile("480 . 320"))
    expect(page.locator(".closeness").first).to_have_text("Nearly the same")
    assert "upload=" in page.url


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_a_picture_is_pasted_or_dropped_anywhere(page, site, generated, kind):
    open_library(page, site)
    hand_over(page, kind, generated[3][1], "some.png")
    wait_for_results(page)
    expect(page.locator("query-panel h2")).to_have_text("some.png")
    assert page.evaluate("document.querySelector('.crop-picture').naturalWidth") == 600


def test_what_is_not_a_picture_is_refused_where_it_came_in(page, site):
    open_library(page, site)
    before = shown_ids(page)
    choose(page, b"dear diary", "diary.txt", "text/plain")
    message = page.locator("drop-zone [role=alert]")
    expect(message).to_contain_text("diary.txt")
    assert shown_ids(page) == before
    assert page.url == site.url
    page.keyboard.press("Escape")
    expect(message).to_be_hidden()


def test_too_large_a_file_goes_to_the_server_which_says_its_limit(page, pretended):
    open_library(page, pretended)
    choose(page, b"\x89PNG" + bytes(4_000_000), "huge.png")
    expect(page.locator("drop-zone [role=alert]")).to_contain_text("more than the limit of 3000000 bytes")


def test_pasting_words_says_what_to_do(page, pretended):
    open_library(page, pretended)
    page.evaluate("""() => {
      const carried = new DataTransfer();
      carried.setData("text/plain", "hello");
      document.body.dispatchEvent(new ClipboardEvent("paste", { bubbles: true, clipboardData: carried }));
    }""")
    expect(page.locator("drop-zone [role=alert]")).to_contain_text("no picture in the clipboard")


def test_a_tile_that_is_dropped_on_the_page_is_searched_by(page, pretended):
    open_library(page, pretended)
    wanted = pretended.image_ids[4]
    page.evaluate(
        """(link) => {
          const carried = new DataTransfer();
          carried.setData("text/uri-list", link);
          const options = { bubbles: true, cancelable: true, dataTransfer: carried };
          document.body.dispatchEvent(new DragEvent("drop", options));
        }""",
        f"{pretended.url}?image={wanted}",
    )
    wait_for_results(page)
    assert wanted in page.url


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, {"width": 390, "height": 800}])
def test_a_picture_that_the_browser_cannot_show_is_shown_by_the_server(page_of, site, viewport):
    page = page_of(viewport=viewport)
    open_library(page, site)
    choose(page, encoded("TIFF", photo(300, 200, seed=1)), "scan.tiff", "image/tiff")
    wait_for_results(page)
    assert shown_size(page) == [300, 200]
    expect(page.locator(".crop-missing")).to_be_hidden()
    drag(page, (0.1, 0.1), (0.6, 0.6))
    wait_for_crop(page, x=0.1, width=0.5)
    wait_until(page, lambda: page.evaluate(KEPT_PREVIEWS) == [True])  # it is written behind the page's back
    page.reload()
    wait_for_results(page)
    assert shown_size(page) == [300, 200]


def encoded(file_format, picture, **options):
    made = io.BytesIO()
    picture.save(made, file_format, **options)
    return made.getvalue()


def shown_size(page):
    page.wait_for_function("document.querySelector('.crop-picture').naturalWidth > 0")
    return page.evaluate(
        "(({ naturalWidth, naturalHeight }) => [naturalWidth, naturalHeight])(document.querySelector('.crop-picture'))"
    )


KEPT_PREVIEWS = """() => new Promise((done) => {
  indexedDB.open("lookalike", 1).onsuccess = ({ target }) => {
    target.result.transaction("uploads").objectStore("uploads").getAll().onsuccess = ({ target: reading }) => {
      target.result.close();
      done(reading.result.map((upload) => Boolean(upload.preview)));
    };
  };
})"""


@pytest.mark.parametrize("orientation", [3, 5, 6])
@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_a_turned_picture_is_shown_as_it_is_searched(page, real, file_format, orientation):
    """Dark above, light below once it is upright; browsers obey the metadata of some formats only."""
    upright = Image.new("RGB", (240, 160), "white")
    upright.paste((20, 30, 90), (0, 0, 240, 80))
    content = oriented_bytes(orientation, upright, file_format=file_format)
    open_library(page, real)
    choose(page, content, f"turned.{file_format.lower()}", f"image/{file_format.lower()}")
    wait_for_results(page)
    assert shown_size(page) == [240, 160]
    assert page.evaluate(BRIGHTNESS) == [pytest.approx(35, abs=20), pytest.approx(255, abs=20)]


BRIGHTNESS = """() => {
  const [picture, canvas] = [document.querySelector(".crop-picture"), document.createElement("canvas")];
  [canvas.width, canvas.height] = [240, 160];
  const drawing = canvas.getContext("2d", { willReadFrequently: true });
  drawing.drawImage(picture, 0, 0);
  return [40, 120].map((y) => drawing.getImageData(120, y, 1, 1).data[1]);
}"""


def test_a_picture_of_the_library_is_not_called_new(page, site, generated):
    open_library(page, site)
    choose(page, generated[2][1], "copied.png")
    wait_for_results(page)
    facts = page.locator("query-panel .facts").first
    expect(facts).to_contain_text("in the library")
    expect(facts).not_to_contain_text("not in the library")
    expect(page.get_by_role("button", name="Add to library")).to_be_hidden()
    choose(page, jpeg_bytes(photo(seed=77)), "new.jpg", "image/jpeg")
    expect(facts).to_contain_text("not in the library")
    expect(page.get_by_role("button", name="Add to library")).to_be_visible()


def test_a_sideways_photo_is_cropped_upright(page, site):
    sideways = Image.Exif()
    sideways[0x0112] = 6
    content = jpeg_bytes(photo(400, 200, seed=2), exif=sideways.tobytes())
    open_library(page, site)
    choose(page, content, "camera.jpg", "image/jpeg")
    wait_for_results(page)
    expect(page.get_by_label("Width")).to_have_value("200")
    expect(page.get_by_label("Height")).to_have_value("400")


def test_an_upload_is_added_to_the_library(page, site):
    open_library(page, site)
    choose(page, jpeg_bytes(photo(seed=9)), "new.jpg", "image/jpeg")
    wait_for_results(page)
    drag(page, (0.2, 0.2), (0.7, 0.7))
    wait_for_crop(page, x=0.2, width=0.5)
    page.get_by_role("button", name="Add to library").click()
    expect(page.locator("#toast")).to_contain_text("in the library now")
    wait_until(page, lambda: "image=" in page.url)
    assert "crop=" in page.url
    expect(page.get_by_role("link", name="Open original").first).to_be_visible()
    page.get_by_role("link", name="lookalike").click()
    expect(page.locator("#summary")).to_contain_text(f"{len(site.image_ids) + 1} pictures")


def test_links_are_copied(page_of, site):
    page = page_of(permissions=["clipboard-read", "clipboard-write"])
    open_search(page, site)
    page.locator("query-panel").get_by_role("button", name="Copy link").click()
    expect(page.locator("#toast")).to_have_text("Link copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_the_link_of_an_upload_is_not_promised(page, pretended):
    open_library(page, pretended)
    choose(page, jpeg_bytes(photo(seed=9)), "new.jpg", "image/jpeg")
    wait_for_results(page)
    page.locator("query-panel").get_by_role("button", name="Copy link").click()
    expect(page.locator("#toast")).to_contain_text("Add it to the library")
