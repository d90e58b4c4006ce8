import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import CropRefused
from lookalike.types import Box, PixelBox


@pytest.mark.parametrize(
    ("text", "unit", "box"),
    [
        ("0.1,0.2,0.3,0.4", None, Box(0.1, 0.2, 0.3, 0.4)),
        (" 0.1, 2e-1 ,.3,+0.4", None, Box(0.1, 0.2, 0.3, 0.4)),
        ("0,0,1,1", None, Box(0, 0, 1, 1)),
        ("0,0,1,1", "pixel", Box(0, 0, 1, 1, unit="pixel")),
        ("10,20,30,40", None, Box(10, 20, 30, 40, unit="pixel")),
        ("percent:25,25,50,50", "pixel", Box(0.25, 0.25, 0.5, 0.5)),
        ("pixel:0,0,1,1", None, Box(0, 0, 1, 1, unit="pixel")),
    ],
)
def test_a_box_is_written_as_four_numbers(text, unit, box):
    assert Box.parse(text, unit=unit) == box


@pytest.mark.parametrize(
    "text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1;2;3;4", "1_0,0,1,1", "em:0,0,1,1", "0,0,1,1\n2"]
)
def test_what_is_not_four_numbers_is_refused_in_one_printable_line(text):
    with pytest.raises(CropRefused, match="four numbers") as refused:
        Box.parse(text)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("box", "why"),
    [
        ((0, 0, 0, 1), "area above 0"),
        ((0, 0, 1, -1), "area above 0"),
        ((0.5, 0, 0.6, 1), "inside"),
        ((-0.1, 0, 0.5, 1), "inside"),
        ((float("nan"), 0, 1, 1), "finite"),
        ((0, 0, float("inf"), 1), "finite"),
    ],
)
def test_a_box_that_no_image_has_is_refused(box, why):
    with pytest.raises(CropRefused, match=why):
        Box(*box)


def test_pixels_become_fractions_of_the_image_they_are_of():
    assert Box(10, 20, 30, 40, unit="pixel").as_fractions(100, 200) == Box(0.1, 0.1, 0.3, 0.2)
    assert Box(0.1, 0.1, 0.3, 0.2).as_fractions(100, 200) == Box(0.1, 0.1, 0.3, 0.2)
    with pytest.raises(CropRefused, match="64 x 48"):
        Box(60, 0, 10, 10, unit="pixel").as_fractions(64, 48)
    with pytest.raises(CropRefused, match="64 x 48"):
        Box(-1, 0, 10, 10, unit="pixel").as_fractions(64, 48)


@given(st.integers(1, 500), st.integers(1, 500), st.data())
def test_whole_pixels_stay_what_they_are(width, height, data):
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    across, down = data.draw(st.integers(1, width - left)), data.draw(st.integers(1, height - top))
    box = Box(left, top, across, down, unit="pixel")
    assert box.pixels(width, height) == PixelBox(left, top, left + across, top + down)
    assert Box.parse(box.fragment) == box
