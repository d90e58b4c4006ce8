import pytest

from decoding import pixels_of
from pictures import (
    png_chunk,
    png_from_rows,
    text_bomb_png_bytes,
)


class TestChunks:
    @pytest.mark.parametrize("bits", [2, 4])
    def test_a_transparent_shade_of_few_bits_is_not_mistaken_for_another(self, bits):
        content = png_from_rows(2, 1, [b"\x80"], bits=bits, colour_type=0, extra=png_chunk(b"tRNS", b"\x00\x01"))
        assert pixels_of(content).max() < 255

    def test_text_that_inflates_without_end_is_not_read(self):
        assert pixels_of(text_bomb_png_bytes()).shape == (8, 8, 3)

    def test_a_malformed_animation_chunk_is_not_read(self):
        content = png_from_rows(4, 4, [bytes(12)] * 4, extra=png_chunk(b"acTL", b"\0"))
        assert pixels_of(content).shape == (4, 4, 3)
