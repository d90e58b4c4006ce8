import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageFile

from decoding import levels_apart, pixels_of
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
    grey16_png_bytes,
    jpeg_bytes,
    malformed_exif_bytes,
    multipage_tiff_bytes,
    noise,
    one_bit_tiff_bytes,
    oriented_bytes,
    photo,
    png_bytes,
    progressive_jpeg_bytes,
    quadrants,
    truncated,
    with_icc_bytes,
)

RED = (255, 0, 0)


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

    def test_a_profile_is_left_alone(self):
        with_profile, without = pixels_of(with_icc_bytes("PNG")), pixels_of(png_bytes())
        assert np.array_equal(with_profile, without)


class TestModes:
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


class TestMetadata:
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
