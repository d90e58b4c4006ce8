"""The crop box: mouse, keyboard, numbers, touch; and results that follow it."""

import pytest
from playwright.sync_api import expect

from serving.browser.driving import (
    PHONE,
    Fingers,
    asked_crop,
    crop_in_address,
    drag,
    hold_back,
    open_search,
    release,
    shown_ids,
    stage_box,
    wait_for_address,
    wait_for_crop,
    wait_for_results,
    wait_until,
)


def test_drawing_with_the_mouse_changes_the_results(page, site):
    open_search(page, site)
    before = shown_ids(page)
    drag(page, (0.05, 0.05), (0.45, 0.35))
    wait_for_crop(page, x=0.05, y=0.05, width=0.4, height=0.3)
    assert shown_ids(page) != before
    assert sorted(shown_ids(page)) != []


def test_the_box_is_moved_and_resized_with_the_mouse(page, site):
    open_search(page, site, crop="0.2000,0.2000,0.4000,0.4000")
    drag(page, (0.4, 0.4), (0.5, 0.5))
    wait_for_crop(page, x=0.3, y=0.3, width=0.4, height=0.4)
    drag(page, (0.7, 0.7), (0.9, 0.8))
    wait_for_crop(page, x=0.3, y=0.3, width=0.6, height=0.5)
    drag(page, (0.3, 0.55), (0.1, 0.55))
    wait_for_crop(page, x=0.1, y=0.3, width=0.8, height=0.5)


def test_the_box_stays_in_the_picture(page, pretended):
    open_search(page, pretended, crop="0.5000,0.5000,0.4000,0.4000")
    drag(page, (0.7, 0.7), (1.6, 1.7))
    wait_for_crop(page, x=0.6, y=0.6, width=0.4, height=0.4)
    drag(page, (0.6, 0.6), (1.5, 1.5))  # the corner cannot cross the opposite one
    wait_until(page, lambda: crop_in_address(page)[2] < 0.2)
    x, y, width, height = crop_in_address(page)
    assert x + width == pytest.approx(1)
    assert y + height == pytest.approx(1)


def test_a_press_without_a_drag_crops_nothing(page, pretended):
    open_search(page, pretended)
    x, y, width, height = stage_box(page)
    page.mouse.click(x + width / 2, y + height / 2)
    page.wait_for_timeout(400)
    assert crop_in_address(page) is None


def test_the_keyboard_crops(page, site):
    open_search(page, site)
    before = shown_ids(page)
    page.keyboard.press("c")
    wait_for_crop(page, x=0.2, y=0.2, width=0.6, height=0.6)
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    wait_for_crop(page, x=0.1, y=0.2, width=0.6, height=0.6)
    for _ in range(10):
        page.keyboard.press("Shift+ArrowUp")
    wait_for_crop(page, x=0.1, y=0.2, width=0.6, height=0.4)
    assert shown_ids(page) != before
    page.keyboard.press("Escape")
    wait_until(page, lambda: crop_in_address(page) is None)
    wait_until(page, lambda: shown_ids(page) == before)


def test_numbers_crop_in_pixels(page, site):
    open_search(page, site)
    width = int(page.get_by_label("Width").input_value())
    page.get_by_label("Left").fill(str(width // 2))
    page.get_by_label("Left").press("Tab")
    wait_for_crop(page, x=0.5, width=0.5)
    expect(page.get_by_label("Width")).to_have_value(str(width - width // 2))
    page.get_by_label("Width").fill(str(width * 9))
    page.get_by_label("Width").press("Tab")
    expect(page.get_by_label("Width")).to_have_value(str(width - width // 2))


def test_an_emptied_number_waits_for_the_next(page, pretended):
    open_search(page, pretended)
    page.get_by_label("Height").fill("")
    page.wait_for_timeout(400)
    assert crop_in_address(page) is None
    page.get_by_label("Height").fill("40")
    wait_until(page, lambda: crop_in_address(page) is not None)


def test_a_finger_resizes_and_moves(page_of, site):
    page = page_of(**PHONE)
    open_search(page, site)
    finger = Fingers(page)
    page.get_by_role("button", name="Crop", exact=True).tap()
    wait_for_crop(page, x=0.2, y=0.2, width=0.6, height=0.6)
    swipe(finger, (0.8, 0.8), (0.6, 0.7))
    wait_for_crop(page, x=0.2, y=0.2, width=0.4, height=0.5)
    swipe(finger, (0.4, 0.45), (0.5, 0.55))
    wait_for_crop(page, x=0.3, y=0.3, width=0.4, height=0.5)


def test_a_finger_draws_a_box_at_once(page_of, site):
    page = page_of(**PHONE)
    open_search(page, site)
    finger = Fingers(page)
    swipe(finger, (0.1, 0.9), (0.6, 0.3))
    wait_for_crop(page, x=0.1, y=0.3, width=0.5, height=0.6)
    assert page.evaluate("scrollY") == 0
    swipe(finger, (0.05, 0.1), (0.08, 0.98))  # beside the box: a new one
    wait_for_crop(page, x=0.05, y=0.1, height=0.88)


def test_two_fingers_on_the_picture_leave_the_crop_alone(page_of, pretended):
    page = page_of(**PHONE)
    open_search(page, pretended, crop="0.2000,0.2000,0.4000,0.4000")
    left, top, width, height = stage_box(page)
    finger = Fingers(page)
    first = {"x": left + 0.7 * width, "y": top + 0.7 * height, "id": 1}
    finger.send("touchStart", [first])
    finger.send("touchMove", [first | {"x": first["x"] + 2}])
    finger.send("touchStart", [first, {"x": left + 0.8 * width, "y": top + 0.8 * height, "id": 2}])
    for step in range(1, 8):
        finger.send("touchMove", [first, {"x": left + 0.8 * width + 12 * step, "y": top + 0.8 * height, "id": 2}])
    finger.send("touchEnd", [])
    page.wait_for_timeout(400)
    assert crop_in_address(page) == (0.2, 0.2, 0.4, 0.4)


def swipe(finger, start, end):
    """One finger, between two points given in fractions of the query picture."""
    left, top, width, height = stage_box(finger.page)
    finger.swipe(*((left + x * width, top + y * height) for x, y in (start, end)))


def test_the_last_crop_is_undone_by_button_and_by_key(page, site):
    open_search(page, site)
    undo = page.get_by_role("button", name="Undo the last crop")
    expect(undo).to_be_disabled()
    drag(page, (0.1, 0.1), (0.5, 0.5))
    wait_for_crop(page, x=0.1, width=0.4)
    drag(page, (0.3, 0.3), (0.5, 0.4))
    wait_for_crop(page, x=0.3, y=0.2)
    undo.click()
    wait_for_crop(page, x=0.1, y=0.1, width=0.4)
    page.keyboard.press("Control+z")
    wait_until(page, lambda: crop_in_address(page) is None)
    expect(undo).to_be_disabled()
    page.keyboard.press("Control+Shift+z")
    wait_for_crop(page, x=0.1, y=0.1, width=0.4)
    page.keyboard.press("Meta+z")
    wait_until(page, lambda: crop_in_address(page) is None)


def test_a_run_of_arrow_keys_is_undone_at_once(page, pretended):
    open_search(page, pretended, crop="0.2000,0.2000,0.4000,0.4000")
    page.locator(".crop-frame").focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    wait_for_crop(page, x=0.32)
    page.keyboard.press("Control+z")
    wait_for_crop(page, x=0.2, y=0.2, width=0.4)


def test_a_cleared_crop_is_brought_back(page, pretended):
    open_search(page, pretended, crop="0.2000,0.2000,0.4000,0.4000")
    page.get_by_role("button", name="Whole picture").click()
    wait_until(page, lambda: crop_in_address(page) is None)
    page.keyboard.press("Control+z")
    wait_for_crop(page, x=0.2, y=0.2, width=0.4)


def test_fingers_get_44_pixels_to_grab(page_of, pretended):
    page = page_of(viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    open_search(page, pretended, crop="0.0000,0.0000,0.5000,1.0000")
    boxes = page.eval_on_selector_all(
        ".crop-handle",
        """handles => handles.map(handle => {
          const { width, height, left, right } = handle.getBoundingClientRect();
          return [width, height, left, innerWidth - right];
        })""",
    )
    assert len(boxes) == 8
    for width, height, left, right in boxes:
        assert min(width, height) >= 44
        assert min(left, right) >= 0, "it must not lie off the screen"


def test_the_whole_picture_comes_back(page, site):
    open_search(page, site)
    before = shown_ids(page)
    drag(page, (0.5, 0.1), (0.95, 0.5))
    wait_for_crop(page, x=0.5)
    page.get_by_role("button", name="Whole picture").click()
    wait_until(page, lambda: crop_in_address(page) is None)
    wait_until(page, lambda: shown_ids(page) == before)


def test_back_undoes_a_crop_in_one_step(page, site):
    open_search(page, site)
    before = shown_ids(page)
    drag(page, (0.1, 0.1), (0.5, 0.5))
    wait_for_crop(page, x=0.1, width=0.4)
    drag(page, (0.3, 0.3), (0.5, 0.4))
    wait_for_crop(page, x=0.3, y=0.2)
    page.go_back()
    wait_until(page, lambda: crop_in_address(page) is None)
    wait_until(page, lambda: shown_ids(page) == before)
    expect(page.locator(".crop-frame")).to_be_hidden()
    page.go_forward()
    wait_for_crop(page, x=0.3, y=0.2)
    expect(page.locator(".crop-frame")).to_be_visible()


def test_an_answer_that_comes_too_late_is_dropped(page, site):
    open_search(page, site)
    held = hold_back(page, "**/v1/search")
    drag(page, (0.05, 0.05), (0.4, 0.4))
    wait_for_address(page, x=0.05, width=0.35)
    drag(page, (0.55, 0.55), (0.95, 0.95))
    wait_for_address(page, x=0.55, width=0.4)
    released = release_the_newest(page, held)
    latest = shown_ids(page)
    release(late for late in held if late not in released)
    page.wait_for_timeout(500)
    assert shown_ids(page) == latest
    page.unroute("**/v1/search")
    page.reload()
    wait_for_results(page)
    assert shown_ids(page) == latest


def release_the_newest(page, held):
    """Let only searches for the crop at its last place go on, until there are results; those searches.

    A slow machine asks in the middle of the drags too, and may ask again.
    """
    released = []

    def has_come():
        wanted = pytest.approx(crop_in_address(page), abs=1e-4)
        if held and held[-1] not in released and asked_crop(held[-1]) == wanted:
            released.append(held[-1])
            release(released[-1:])
        return page.locator("image-grid").get_attribute("aria-busy") == "false"

    wait_until(page, has_come, lambda: f"{list(map(asked_crop, held))}, wanted {crop_in_address(page)}")
    return released


def test_results_stay_on_the_screen_until_the_next_come(page, pretended):
    open_search(page, pretended)
    before = shown_ids(page)
    held = hold_back(page, "**/v1/search")
    drag(page, (0.05, 0.05), (0.4, 0.4))
    wait_until(page, lambda: held)
    expect(page.locator("image-grid")).to_have_attribute("aria-busy", "true")
    assert shown_ids(page) == before
    page.unroute("**/v1/search")
    release(held)
    wait_for_results(page)
    assert shown_ids(page) != before
