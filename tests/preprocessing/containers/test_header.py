import pytest

from lookalike.preprocessing.containers import read_header
from pictures import FILES, heic_bytes, photo


@pytest.mark.parametrize("media_type", [*FILES, "image/heic"])
def test_the_size_is_known_before_a_pixel_is_decoded(media_type):
    content = FILES[media_type](photo(161, 120)) if media_type in FILES else heic_bytes(photo(161, 120))
    header = read_header(content, media_type)
    # HEVC codes whole blocks: the container may declare the padded size and a clean aperture.
    assert 161 <= header.width <= 164
    assert 120 <= header.height <= 120
    assert header.whole


@pytest.mark.parametrize("media_type", FILES)
def test_the_pixels_are_not_read(media_type):
    content = FILES[media_type](photo(161, 120))
    kept = read_header(content[: len(content) * 9 // 10], media_type)
    assert (kept.width, kept.height) == (161, 120)
