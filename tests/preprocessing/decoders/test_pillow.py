from hypothesis import given
from hypothesis import strategies as st

from decoding import levels_apart, pixels_of
from lookalike.preprocessing import decode
from pictures import (
    jpeg_bytes,
    photo,
    png_bytes,
    progressive_jpeg_bytes,
)


class TestJpeg:
    def test_progressive_jpeg(self):
        assert levels_apart(pixels_of(progressive_jpeg_bytes()), photo()) < 8


class TestDraft:
    @given(
        width=st.integers(8, 700),
        height=st.integers(8, 700),
        shortest_side=st.integers(1, 800),
    )
    def test_the_shorter_side_keeps_what_was_asked(self, width, height, shortest_side):
        decoded = decode(jpeg_bytes(photo(width, height)), name="x", shortest_side=shortest_side)
        assert (decoded.width, decoded.height) == (width, height)
        assert min(decoded.pixels.shape[:2]) >= min(shortest_side, width, height)

    def test_a_large_photo_is_decoded_near_the_size_needed(self):
        assert decode(jpeg_bytes(photo(1600, 1200)), name="x", shortest_side=150).pixels.shape == (150, 200, 3)

    def test_other_formats_keep_their_size(self):
        assert decode(png_bytes(), name="x", shortest_side=10).pixels.shape == (240, 320, 3)
