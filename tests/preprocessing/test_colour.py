import numpy as np
import pytest
from PIL import Image

from decoding import levels_apart, pixels_of
from pictures import (
    cmyk_jpeg_bytes,
    cmyk_tiff_bytes,
    encoded,
    float_tiff_bytes,
    grey16_png_bytes,
    grey16_tiff_bytes,
    grey32_tiff_bytes,
    grey_alpha_png_bytes,
    grey_jpeg_bytes,
    grey_ramp_16,
    half_transparent_bytes,
    hidden_colour_png_bytes,
    lab_tiff_bytes,
    one_bit_png_bytes,
    one_bit_tiff_bytes,
    palette_transparency_png_bytes,
    photo,
    png_chunk,
    png_from_rows,
    rgb16_png_bytes,
    rgb_transparency_png_bytes,
    ycck_jpeg_bytes,
)

WHITE, BLUE = (255, 255, 255), (0, 0, 255)


class TestModes:
    def test_grey_jpeg_has_three_equal_channels(self):
        pixels = pixels_of(grey_jpeg_bytes())
        assert np.array_equal(pixels[:, :, 0], pixels[:, :, 1])
        assert levels_apart(pixels, photo().convert("L")) < 3

    @pytest.mark.parametrize("make", [cmyk_jpeg_bytes, ycck_jpeg_bytes, cmyk_tiff_bytes])
    def test_cmyk_is_not_inverted(self, make):
        assert levels_apart(pixels_of(make()), photo()) < 3

    def test_lab(self):
        assert levels_apart(pixels_of(lab_tiff_bytes()), photo()) < 3

    @pytest.mark.parametrize("make", [grey16_png_bytes, grey16_tiff_bytes])
    def test_sixteen_bits_are_scaled_not_clipped(self, make):
        assert np.array_equal(pixels_of(make())[:, :, 0], np.rint(grey_ramp_16() / 257).astype(np.uint8))

    def test_sixteen_bit_colour(self):
        expected = np.rint(grey_ramp_16() / 257)
        assert np.abs(pixels_of(rgb16_png_bytes())[:, :, 1] - expected).max() <= 1

    def test_sixteen_bit_colour_with_a_transparent_colour_is_opaque(self):
        rows = [b"\x12\x34" * 3 * 4] * 4
        content = png_from_rows(4, 4, rows, bits=16, extra=png_chunk(b"tRNS", b"\x12\x00" * 3))
        assert tuple(pixels_of(content)[0, 0]) == (0x12, 0x12, 0x12)

    def test_sixteen_bit_grey_with_a_transparent_value(self):
        rows = [b"\x12\x34\x12\x35"] * 2
        content = png_from_rows(2, 2, rows, bits=16, colour_type=0, extra=png_chunk(b"tRNS", b"\x12\x34"))
        assert [tuple(pixel) for pixel in pixels_of(content)[0]] == [WHITE, (0x12, 0x12, 0x12)]

    def test_sixteen_bit_tiff_where_white_is_zero(self):
        content = grey16_tiff_bytes()
        at = content.index(b"\x06\x01\x03\x00\x01\x00\x00\x00\x01") + 8  # photometric interpretation
        inverted = content[:at] + b"\0" + content[at + 1 :]
        assert np.array_equal(pixels_of(inverted), 255 - pixels_of(content))

    def test_integers_that_fit_sixteen_bits_are_taken_as_such(self):
        values = grey_ramp_16().astype(np.int32)
        assert np.array_equal(pixels_of(grey32_tiff_bytes(values)), pixels_of(grey16_png_bytes()))

    def test_larger_integers_are_stretched(self):
        pixels = pixels_of(grey32_tiff_bytes(np.array([[-1000, 0], [999_000, 1_999_000]])))
        assert pixels[:, :, 0].tolist() == [[0, 0], [128, 255]]

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([[0, 0.5], [0.25, 1]], [[0, 128], [64, 255]]),
            ([[0, 128], [64, 255]], [[0, 128], [64, 255]]),
            ([[-1, 0], [0, 1]], [[0, 128], [128, 255]]),
            ([[0, 1000], [250, 500]], [[0, 255], [64, 128]]),
            ([[np.nan, 0], [np.inf, 1]], [[0, 0], [255, 255]]),
            ([[np.nan, np.nan], [np.inf, -np.inf]], [[0, 0], [0, 0]]),
            ([[7000, 7000], [7000, 7000]], [[0, 0], [0, 0]]),
        ],
    )
    def test_floats(self, values, expected):
        assert pixels_of(float_tiff_bytes(np.array(values)))[:, :, 0].tolist() == expected

    def test_a_signalling_nan(self):
        values = np.array([0x7F800001, 0, 0x3F800000], np.uint32).view(np.float32).reshape(1, 3)
        assert pixels_of(float_tiff_bytes(values))[0, :, 0].tolist() == [0, 0, 255]

    @pytest.mark.parametrize(
        ("make", "left", "right"),
        [
            (hidden_colour_png_bytes, WHITE, BLUE),
            (palette_transparency_png_bytes, WHITE, BLUE),
            (rgb_transparency_png_bytes, WHITE, BLUE),
            (grey_alpha_png_bytes, WHITE, (100, 100, 100)),
            (one_bit_png_bytes, (0, 0, 0), WHITE),
            (one_bit_tiff_bytes, (0, 0, 0), WHITE),
        ],
    )
    def test_alpha_is_on_white_and_bits_are_black_and_white(self, make, left, right):
        pixels = pixels_of(make())
        assert tuple(pixels[0, 0]) == left
        assert tuple(pixels[-1, -1]) == right
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) == 2

    @pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF", "AVIF"])
    def test_half_transparent_black_is_grey(self, file_format):
        assert np.all(np.abs(pixels_of(half_transparent_bytes(file_format)).astype(int) - 127) <= 1)

    def test_transparent_gif(self):
        palette = Image.new("P", (16, 16), 0)
        palette.putpalette([255, 0, 0, 0, 0, 255])
        palette.paste(1, (8, 0, 16, 16))
        pixels = pixels_of(encoded(palette, "GIF", transparency=0))
        assert tuple(pixels[0, 0]) == WHITE
        assert tuple(pixels[0, -1]) == BLUE
