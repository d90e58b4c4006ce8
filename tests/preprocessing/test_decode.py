import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

from lookalike.errors import CropRefused, ImageRefused
from lookalike.preprocessing import cut, decode
from lookalike.types import Box
from pictures import (
    FILES,
    ORIENTATIONS,
    animated_avif_bytes,
    animated_gif_bytes,
    animated_png_bytes,
    animated_webp_bytes,
    cmyk_jpeg_bytes,
    cmyk_tiff_bytes,
    encoded,
    exif_block,
    float_tiff_bytes,
    grey16_png_bytes,
    grey16_tiff_bytes,
    grey32_tiff_bytes,
    grey_alpha_png_bytes,
    grey_jpeg_bytes,
    grey_ramp_16,
    half_transparent_bytes,
    heic_bytes,
    hidden_colour_png_bytes,
    jpeg_bytes,
    jpeg_with_segment,
    lab_tiff_bytes,
    malformed_exif_bytes,
    multipage_tiff_bytes,
    noise,
    one_bit_png_bytes,
    one_bit_tiff_bytes,
    oriented_bytes,
    palette_transparency_png_bytes,
    photo,
    png_bytes,
    png_chunk,
    png_from_rows,
    progressive_jpeg_bytes,
    quadrants,
    rgb16_png_bytes,
    rgb_transparency_png_bytes,
    text_bomb_png_bytes,
    tiff_bytes,
    truncated,
    webp_bytes,
    with_icc_bytes,
    ycck_jpeg_bytes,
)

WHITE, BLUE, RED = (255, 255, 255), (0, 0, 255), (255, 0, 0)


def pixels_of(content):
    return decode(content, name="picture").pixels


def levels_apart(pixels, image):
    return float(np.abs(pixels.astype(int) - np.asarray(image.convert("RGB")).astype(int)).mean())


class TestFormats:
    @pytest.mark.parametrize("media_type", FILES)
    def test_each_format_gives_the_picture_and_says_what_it_is(self, media_type):
        decoded = decode(FILES[media_type](), name="picture")
        assert decoded.media_type == media_type
        assert (decoded.width, decoded.height) == (320, 240)
        assert decoded.pixels.shape == (240, 320, 3)
        assert decoded.pixels.dtype == np.uint8
        assert decoded.pixels.flags.c_contiguous
        assert levels_apart(decoded.pixels, photo()) < 8

    @pytest.mark.parametrize("media_type", FILES)
    def test_the_name_is_never_trusted(self, media_type):
        assert decode(FILES[media_type](), name="wrong.txt").media_type == media_type

    @pytest.mark.parametrize("media_type", FILES)
    def test_the_same_bytes_give_the_same_pixels(self, media_type):
        content = FILES[media_type]()
        assert np.array_equal(pixels_of(content), pixels_of(content))

    def test_heic(self):
        decoded = decode(heic_bytes(), name="phone.heic")
        assert decoded.media_type == "image/heic"
        assert levels_apart(decoded.pixels, photo()) < 8

    def test_big_endian_and_big_tiff(self):
        ramp = np.asarray(decode(grey16_tiff_bytes(big_endian=True), name="be.tif").pixels)
        assert np.array_equal(ramp, pixels_of(grey16_tiff_bytes()))
        assert levels_apart(pixels_of(tiff_bytes(big_tiff=True)), photo()) == 0

    @pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits", "jpeg", "raw"])
    def test_tiff_compressions(self, compression):
        assert levels_apart(pixels_of(tiff_bytes(compression=compression)), photo()) < 8

    def test_progressive_jpeg(self):
        assert levels_apart(pixels_of(progressive_jpeg_bytes()), photo()) < 8

    def test_a_profile_is_left_alone(self):
        with_profile, without = pixels_of(with_icc_bytes("PNG")), pixels_of(png_bytes())
        assert np.array_equal(with_profile, without)


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

    @pytest.mark.parametrize("bits", [2, 4])
    def test_a_transparent_shade_of_few_bits_is_not_mistaken_for_another(self, bits):
        content = png_from_rows(2, 1, [b"\x80"], bits=bits, colour_type=0, extra=png_chunk(b"tRNS", b"\x00\x01"))
        assert pixels_of(content).max() < 255

    @pytest.mark.parametrize(
        "make",
        [animated_gif_bytes, animated_webp_bytes, animated_png_bytes, animated_avif_bytes, multipage_tiff_bytes],
    )
    def test_the_first_frame_is_the_picture(self, make):
        assert np.abs(pixels_of(make()).astype(int) - RED).max() <= 3


class TestOrientation:
    @pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
    @pytest.mark.parametrize("orientation", ORIENTATIONS)
    def test_every_orientation_comes_out_upright(self, orientation, file_format):
        decoded = decode(oriented_bytes(orientation, file_format=file_format), name="camera")
        assert (decoded.width, decoded.height) == (80, 60)
        assert decoded.pixels.shape == (60, 80, 3)
        assert levels_apart(decoded.pixels, quadrants()) < 4

    @pytest.mark.parametrize("orientation", ORIENTATIONS)
    def test_a_reduced_picture_is_upright_too(self, orientation):
        decoded = decode(oriented_bytes(orientation, photo(800, 600)), name="camera", shortest_side=150)
        assert (decoded.width, decoded.height) == (800, 600)
        assert decoded.pixels.shape == (150, 200, 3)
        assert levels_apart(decoded.pixels, photo(800, 600).resize((200, 150))) < 3

    def test_big_endian_exif(self):
        stored = quadrants().transpose(Image.Transpose.ROTATE_90)
        content = jpeg_with_segment(b"Exif\0\0" + exif_block(6, big_endian=True), image=stored)
        assert decode(content, name="camera").pixels.shape == (60, 80, 3)

    @pytest.mark.parametrize("orientation", [0, 9, 65535])
    def test_impossible_orientations_are_ignored(self, orientation):
        content = jpeg_with_segment(b"Exif\0\0" + exif_block(orientation))
        assert decode(content, name="camera").pixels.shape == (240, 320, 3)

    @given(st.binary(max_size=200))
    def test_any_exif_block_is_harmless(self, block):
        decoded = decode(jpeg_with_segment(b"Exif\0\0" + block), name="camera")
        assert sorted((decoded.width, decoded.height)) == [240, 320]

    def test_malformed_exif_is_ignored(self):
        assert np.array_equal(pixels_of(malformed_exif_bytes()), pixels_of(jpeg_bytes()))

    def test_malformed_exif_of_other_formats(self):
        broken = b"II*\0\x08\0\0\0\xff\xff\x12\x01"
        for content in (webp_bytes(exif=broken), png_bytes(exif=broken)):
            assert decode(content, name="camera").pixels.shape == (240, 320, 3)
        content = oriented_bytes(6, file_format="AVIF")
        assert decode(content.replace(b"Exif\0\0", b"Exif\xff\xff"), name="camera").pixels.shape == (60, 80, 3)


class TestMetadata:
    def test_text_that_inflates_without_end_is_not_read(self):
        assert pixels_of(text_bomb_png_bytes()).shape == (8, 8, 3)

    def test_a_malformed_multi_picture_block_is_not_read(self):
        content = jpeg_with_segment(b"MPF\0II*\0\xff\xff\xff\x7f", marker=0xE2)
        assert np.array_equal(pixels_of(content), pixels_of(jpeg_bytes()))

    def test_a_malformed_animation_chunk_is_not_read(self):
        content = png_from_rows(4, 4, [bytes(12)] * 4, extra=png_chunk(b"acTL", b"\0"))
        assert pixels_of(content).shape == (4, 4, 3)

    def test_junk_between_segments_is_skipped(self):
        plain = jpeg_bytes()
        tables = plain.index(b"\xff\xdb")
        assert np.array_equal(pixels_of(plain[:tables] + bytes(1000) + plain[tables:]), pixels_of(plain))

    def test_nothing_global_is_changed(self):
        filters = list(warnings.filters)
        limit = Image.MAX_IMAGE_PIXELS
        pixels_of(jpeg_bytes())
        with pytest.raises(ImageRefused):
            pixels_of(truncated(jpeg_bytes()))
        assert warnings.filters == filters
        assert limit == Image.MAX_IMAGE_PIXELS
        assert ImageFile.LOAD_TRUNCATED_IMAGES is False


class TestTruncation:
    @pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9, 0.99])
    @pytest.mark.parametrize("media_type", FILES)
    def test_a_cut_off_file_is_called_truncated(self, media_type, share):
        with pytest.raises(ImageRefused, match=r"holiday\.jpg: this .+ image .+ again") as refusal:
            decode(truncated(FILES[media_type](noise()), share), name="holiday.jpg")
        assert refusal.value.reason == "truncated"

    @pytest.mark.parametrize("make", [progressive_jpeg_bytes, grey16_png_bytes, one_bit_tiff_bytes])
    def test_other_kinds(self, make):
        with pytest.raises(ImageRefused) as refusal:
            pixels_of(truncated(make(), 0.6))
        assert refusal.value.reason == "truncated"

    def test_a_flipped_byte_is_damage(self):
        content = bytearray(png_bytes())
        content[len(content) // 2] ^= 0xFF
        with pytest.raises(ImageRefused, match="damaged") as refusal:
            pixels_of(bytes(content))
        assert refusal.value.reason == "unreadable"


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


class TestCut:
    def test_the_crop_is_of_the_upright_picture(self):
        for orientation in ORIENTATIONS:
            pixels = pixels_of(oriented_bytes(orientation, file_format="PNG"))
            assert np.all(cut(pixels, Box(x=0.5, y=0, width=0.5, height=0.5)) == (0, 255, 0))

    def test_it_is_contiguous_and_of_at_least_a_pixel(self):
        part = cut(pixels_of(jpeg_bytes()), Box(x=0.999, y=0.999, width=0.0001, height=0.0001))
        assert part.shape == (1, 1, 3)
        assert cut(pixels_of(jpeg_bytes()), Box(x=0.1, y=0.1, width=0.5, height=0.5)).flags.c_contiguous

    def test_a_crop_outside_the_image_is_refused(self):
        with pytest.raises(CropRefused):
            Box(x=0.6, y=0, width=0.5, height=1)


def test_threads_agree():
    contents = [make() for make in FILES.values()] + [malformed_exif_bytes(), cmyk_jpeg_bytes()]
    expected = [pixels_of(content) for content in contents]
    with ThreadPoolExecutor(4) as pool:
        decoded = list(pool.map(pixels_of, contents * 10))
    assert all(np.array_equal(pixels, expected[index % len(expected)]) for index, pixels in enumerate(decoded))
