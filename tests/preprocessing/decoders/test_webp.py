import numpy as np
import pytest

from lookalike.preprocessing.containers import read_header
from lookalike.preprocessing.decoders.scale import Wanted
from lookalike.preprocessing.decoders.webp import LargeWebpDecoder
from pictures import photo, webp_bytes

PICTURE = photo(640, 480)


def loaded(content, **wanted):
    settings = {"shortest_side": None, "most_pixels": 10**8, "turned": False, **wanted}
    return LargeWebpDecoder(read_header(content, "image/webp")).load(Wanted(**settings))


def test_all_pixels_where_all_are_wanted():
    image = loaded(webp_bytes(PICTURE, lossless=True))
    assert np.array_equal(np.asarray(image), np.asarray(PICTURE))


def test_it_is_scaled_to_what_is_needed():
    image = loaded(webp_bytes(PICTURE), shortest_side=150)
    assert image.size == (213, 160)
    assert np.abs(np.asarray(image).astype(int) - np.asarray(PICTURE.resize(image.size)).astype(int)).mean() < 4


def test_alpha_is_kept():
    image = PICTURE.convert("RGBA")
    image.putalpha(90)
    assert loaded(webp_bytes(image, lossless=True)).getchannel("A").getextrema() == (90, 90)


def test_a_damaged_file_is_an_error_of_reading():
    content = webp_bytes(PICTURE)
    with pytest.raises(OSError, match="."):
        loaded(content[: len(content) // 2])
