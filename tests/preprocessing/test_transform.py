import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lookalike.preprocessing import (
    Preprocessing,
    cut,
    decode,
    difference_hash,
    mean_colour,
    prepare,
    transform,
    transform_parts,
)
from lookalike.preprocessing.decode import side_for
from lookalike.types import Box
from pictures import FILES, ORIENTATIONS, flat, jpeg_bytes, noise, oriented_bytes, photo, png_bytes

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
CLIP = Preprocessing(size=224, mean=MEAN, std=STD)
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}

crops = st.tuples(*[st.floats(0, 1)] * 2, *[st.floats(0.01, 1)] * 2).map(
    lambda v: Box(x=v[0] * (1 - v[2]), y=v[1] * (1 - v[3]), width=v[2], height=v[3])
)


def wanted(size=32, fit="centre-crop", interpolation="bicubic"):
    return Preprocessing(size=size, fit=fit, interpolation=interpolation, mean=MEAN, std=STD)


def normalised(pixels):
    """The plain formulation, in doubles."""
    rows = np.empty((3, *pixels.shape[:2]))
    for channel in range(3):
        rows[channel] = (pixels[:, :, channel].astype(np.float64) / 255 - MEAN[channel]) / STD[channel]
    return rows


class TestTransform:
    def test_shape_and_type(self):
        row = transform(np.asarray(photo()), CLIP)
        assert row.shape == (3, 224, 224)
        assert row.dtype == np.float32
        assert row.flags.c_contiguous

    @given(seed=st.integers(0, 100))
    def test_z_scores_equal_the_plain_formula(self, seed):
        pixels = np.asarray(noise(32, 32, seed))
        assert np.abs(transform(pixels, wanted()) - normalised(pixels)).max() < 1e-6

    def test_all_values(self):
        ramp = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
        assert np.abs(transform(ramp, wanted(16)) - normalised(ramp)).max() < 1e-6

    @pytest.mark.parametrize("interpolation", FILTERS)
    @pytest.mark.parametrize("size", [(320, 240), (240, 320), (300, 300), (64, 48), (33, 500)])
    def test_centre_crop_is_pillows_resize_of_the_central_square(self, size, interpolation):
        image = photo(*size)
        width, height = size
        side = min(size)
        left, top = (width - side) // 2, (height - side) // 2
        expected = image.resize((224, 224), FILTERS[interpolation], box=(left, top, left + side, top + side))
        row = transform(np.asarray(image), wanted(224, interpolation=interpolation))
        assert np.abs(row - normalised(np.asarray(expected))).max() < 1e-6

    def test_centre_crop_equals_resizing_all_and_cutting_where_no_side_is_rounded(self):
        image = noise(640, 320)
        small = image.resize((64, 32), Image.Resampling.BICUBIC).crop((16, 0, 48, 32))
        assert np.abs(transform(np.asarray(image), wanted(32)) - normalised(np.asarray(small))).max() < 1e-6

    def test_a_picture_of_the_size_is_not_resampled(self):
        pixels = np.asarray(noise(45, 32))
        assert np.abs(transform(pixels, wanted(32)) - normalised(pixels[:, 6:38])).max() < 1e-6

    def test_squash_keeps_all(self):
        image = photo(320, 100)
        expected = image.resize((32, 32), Image.Resampling.BICUBIC)
        row = transform(np.asarray(image), wanted(fit="squash"))
        assert np.abs(row - normalised(np.asarray(expected))).max() < 1e-6

    def test_pad_keeps_the_shape_between_bands_of_zero(self):
        image = photo(320, 160)
        row = transform(np.asarray(image), wanted(fit="pad"))
        expected = normalised(np.asarray(image.resize((32, 16), Image.Resampling.BICUBIC)))
        assert np.abs(row[:, 8:24] - expected).max() < 1e-6
        assert not row[:, :8].any()
        assert not row[:, 24:].any()

    @pytest.mark.parametrize("fit", ["centre-crop", "squash", "pad"])
    @pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (2, 3)])
    def test_tiny_and_thin_pictures(self, size, fit):
        row = transform(np.asarray(photo(*size)), wanted(fit=fit))
        assert row.shape == (3, 32, 32)
        assert np.isfinite(row).all()

    def test_pixels_that_are_not_contiguous(self):
        pixels = np.asarray(photo())
        assert np.array_equal(transform(pixels[::2, ::2], wanted()), transform(pixels[::2, ::2].copy(), wanted()))

    @pytest.mark.parametrize(
        "values", [{"size": 0}, {"fit": "stretch"}, {"interpolation": "nearest"}, {"std": (1, 0, 1)}]
    )
    def test_senseless_parameters(self, values):
        with pytest.raises(ValueError, match="must be"):
            Preprocessing(**{"size": 8, "mean": MEAN, "std": STD, **values})


class TestLongPictures:
    """Beyond 1.6 : 1 the central square is not the picture."""

    @pytest.mark.parametrize("size", [(160, 100), (100, 160), (100, 100), (1, 1)])
    def test_a_picture_that_is_not_long_is_one_row(self, size):
        pixels = np.asarray(photo(*size))
        assert np.array_equal(transform_parts(pixels, wanted()), transform(pixels, wanted())[None])

    @given(
        size=st.tuples(st.integers(1, 500), st.integers(1, 500)), fit=st.sampled_from(["centre-crop", "squash", "pad"])
    )
    def test_at_most_four_rows_whatever_the_shape(self, size, fit):
        rows = transform_parts(np.asarray(flat(*size)), wanted(8, fit=fit))
        assert 1 <= len(rows) <= 4
        assert rows.shape[1:] == (3, 8, 8)
        assert rows.flags.c_contiguous
        assert (len(rows) > 1) == (max(size) > 1.6 * min(size))

    @pytest.mark.parametrize("shape", [(1.7, 1), (2, 1), (2.4, 1), (3, 1), (3.7, 1), (5, 1)])
    @pytest.mark.parametrize("turned", [False, True])
    def test_every_part_of_the_picture_counts(self, shape, turned):
        long, short = round(60 * shape[0]), 60
        plain = np.asarray(flat(long, short)).copy()
        before = transform_parts(plain.swapaxes(0, 1) if turned else plain, wanted())
        for start in range(0, long - 19, 20):
            other = plain.copy()
            other[:, start : start + 20] = (20, 200, 220)
            after = transform_parts(other.swapaxes(0, 1) if turned else other, wanted())
            assert np.abs(after - before).max() > 0.2

    def test_parts_of_a_very_long_picture_reach_from_end_to_end(self):
        plain = np.asarray(flat(900, 60)).copy()
        before = transform_parts(plain, wanted())
        for start in (0, 280, 560, 880):
            other = plain.copy()
            other[:, start : start + 20] = (20, 200, 220)
            assert np.abs(transform_parts(other, wanted()) - before).max() > 0.2

    @pytest.mark.parametrize("shape", [(1.7, 1), (3, 1), (9, 1)])
    def test_a_long_part_of_a_picture_is_long_too(self, shape):
        inner = noise(round(60 * shape[0]), 60)
        outer = Image.new("RGB", (2 * inner.width, 120))
        outer.paste(inner, (0, 0))
        crop = Box(x=0, y=0, width=0.5, height=0.5)
        part, alone = (
            prepare(png_bytes(one), wanted(), name="x", crop=c).rows for one, c in ((outer, crop), (inner, None))
        )
        assert np.array_equal(part, alone)


class TestPrepare:
    def test_what_it_tells(self):
        prepared = prepare(oriented_bytes(6, photo(320, 240)), CLIP, name="camera.jpg")
        assert (prepared.width, prepared.height) == (320, 240)
        assert prepared.media_type == "image/jpeg"
        assert prepared.rows.shape == (1, 3, 224, 224)
        assert prepared.mean_colour.startswith("#")
        assert 0 <= prepared.columns["difference_hash"] < 2**64

    @pytest.mark.parametrize("media_type", FILES)
    def test_the_same_bytes_give_the_same(self, media_type):
        content = FILES[media_type]()
        first, second = (prepare(content, CLIP, name="x") for _ in range(2))
        assert np.array_equal(first.rows, second.rows)
        assert first.mean_colour == second.mean_colour
        assert first.columns == second.columns

    @pytest.mark.parametrize("size", [(320, 240), (1203, 901), (224, 224), (10, 10)])
    def test_no_crop_is_the_full_crop(self, size):
        content = jpeg_bytes(noise(*size))
        full = Box(x=0, y=0, width=1, height=1)
        without, with_full = (prepare(content, CLIP, name="x", crop=crop).rows for crop in (None, full))
        assert np.array_equal(without, with_full)

    @given(crop=crops, size=st.sampled_from([(320, 240), (640, 480), (901, 700)]))
    def test_it_is_decode_then_cut_then_transform(self, crop, size):
        content = jpeg_bytes(photo(*size))
        decoded = decode(content, name="x", shortest_side=side_for(size[0], size[1], crop, 32))
        expected = transform_parts(cut(decoded.pixels, crop), wanted())
        prepared = prepare(content, wanted(), name="x", crop=crop)
        assert np.array_equal(prepared.rows, expected)
        assert prepared.mean_colour == mean_colour(decoded.pixels)
        assert prepared.columns["difference_hash"] == difference_hash(decoded.pixels)

    @given(crop=crops, size=st.tuples(st.integers(40, 900), st.integers(40, 900)))
    def test_the_crop_keeps_the_pixels_the_model_needs(self, crop, size):
        width, height = size
        whole = crop.pixels(width, height)
        original = min(whole.right - whole.left, whole.bottom - whole.top)
        decoded = decode(jpeg_bytes(photo(width, height)), name="x", shortest_side=side_for(width, height, crop, 64))
        kept = min(cut(decoded.pixels, crop).shape[:2])
        assert kept >= min(original, 64)

    def test_a_large_photo_is_not_decoded_whole(self):
        assert decode(jpeg_bytes(photo(4000, 3000)), name="x", shortest_side=449).pixels.shape == (750, 1000, 3)

    def test_a_reduced_decode_is_close_to_a_whole_one(self):
        image = photo(2400, 1800)
        prepared = prepare(jpeg_bytes(image), CLIP, name="x").rows
        whole = transform(np.asarray(image), CLIP)
        assert np.abs(prepared - whole).mean() < 0.02

    @pytest.mark.parametrize("orientation", ORIENTATIONS)
    def test_a_crop_is_of_the_upright_image(self, orientation):
        crop = Box(x=0.5, y=0, width=0.5, height=0.5)
        turned = prepare(oriented_bytes(orientation, file_format="PNG"), wanted(), name="x", crop=crop)
        upright = prepare(oriented_bytes(1, file_format="PNG"), wanted(), name="x", crop=crop)
        assert np.array_equal(turned.rows, upright.rows)

    def test_what_lies_outside_the_crop_does_not_count(self):
        left, right = np.asarray(noise(60, 60, 1)), np.asarray(noise(60, 60, 2))
        black = np.zeros_like(right)
        crop = Box(x=0, y=0, width=0.5, height=1)
        first, second = (
            prepare(png_bytes(Image.fromarray(np.hstack([left, other]))), wanted(), name="x", crop=crop).rows
            for other in (right, black)
        )
        assert np.array_equal(first, second)

    def test_the_appearance_is_of_the_whole_image(self):
        whole = prepare(png_bytes(), wanted(), name="x")
        part = prepare(png_bytes(), wanted(), name="x", crop=Box(x=0, y=0, width=0.3, height=0.3))
        assert (whole.mean_colour, whole.columns) == (part.mean_colour, part.columns)
        assert not np.array_equal(whole.rows, part.rows)
