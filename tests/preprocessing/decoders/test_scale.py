import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lookalike.preprocessing.decoders.scale import Canvas, Wanted, averageable, by_need, reduced, strips, to_fit
from pictures import noise, photo


def wanted(shortest_side):
    return Wanted(shortest_side=shortest_side, most_pixels=10**9, turned=False)


@given(width=st.integers(1, 5_000), height=st.integers(1, 5_000), side=st.integers(1, 5_000))
def test_what_is_needed_is_kept_and_no_more_can_be_divided_away(width, height, side):
    factor = by_need((width, height), wanted(side))
    assert min(width, height) / factor >= min(side, width, height)
    assert min(width, height) / (factor + 1) < side


def test_without_a_need_nothing_is_divided():
    assert by_need((9_000, 9_000), wanted(None)) == 1


@given(pixels=st.integers(1, 10**9), most=st.integers(1, 10**8))
def test_the_least_division_that_fits(pixels, most):
    factor = to_fit(pixels, most)
    assert pixels / factor**2 <= most * (1 + 1e-9)
    assert factor == 1 or pixels / (factor - 1) ** 2 > most


@pytest.mark.parametrize("factor", [1, 2, 3, 7])
def test_each_block_becomes_its_mean(factor):
    image = noise(84, 42)
    small = np.asarray(reduced(image, factor)).astype(float)
    blocks = np.asarray(image).astype(float).reshape(42 // factor, factor, 84 // factor, factor, 3).mean(axis=(1, 3))
    assert np.abs(small - blocks).max() <= 1


@pytest.mark.parametrize("heights", [(40,), (1,) * 40, (3, 10, 1, 26)])
def test_a_canvas_is_the_same_however_its_strips_are_cut(heights):
    image, canvas, top = photo(30, 40), Canvas((30, 40), 4), 0
    for height in heights:
        canvas.put(image.crop((0, top, 30, top + height)), 0, top)
        top += height
    assert np.array_equal(np.asarray(canvas.finished()), np.asarray(reduced(image, 4)))


def test_strips_are_a_multiple_of_rows_and_cover_all():
    image = Image.new("L", (200_000, 23))
    parts = list(strips(image, 4))
    assert [top for top, _ in parts] == [0, 4, 8, 12, 16, 20]
    assert sum(part.height for _, part in parts) == 23


def test_a_transparent_colour_becomes_alpha_before_averaging():
    palette = photo(8, 8).quantize(4)
    palette.info["transparency"] = 0
    assert averageable(palette).mode == "RGBA"
    assert averageable(photo(8, 8).quantize(4)).mode == "RGB"
    assert averageable(Image.new("1", (2, 2))).mode == "L"
    assert np.asarray(averageable(Image.new("I;16", (2, 2), 65_535))).max() == 255
