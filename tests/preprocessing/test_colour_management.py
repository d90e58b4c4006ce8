"""What pictures say of their colours is used where it is sound, and costs nothing where it is not."""

import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageCms

from colour_profiles import (
    DISPLAY_P3,
    PROPHOTO,
    grey_profile,
    ink_profile,
    matrix_profile,
    table_profile,
)
from lookalike.preprocessing import OpenedImage, colour_management, decode
from lookalike.preprocessing.containers import read_header
from pictures import (
    avif_bytes,
    cmyk_jpeg_bytes,
    encoded,
    gif_bytes,
    jpeg_bytes,
    noise,
    photo,
    png_bytes,
    tiff_bytes,
    webp_bytes,
    with_icc_bytes,
)

LAB_CORNERS = np.array(list(np.ndindex(2, 2, 2))).reshape(2, 2, 2, 3) * (180, 40, -60) + (40, 108, 158)


def pixels_of(content):
    return decode(content, name="x").pixels.astype(int)


@pytest.mark.parametrize(
    "save",
    [
        lambda image, profile: png_bytes(image, icc_profile=profile),
        lambda image, profile: webp_bytes(image, lossless=True, icc_profile=profile),
        lambda image, profile: tiff_bytes(image, icc_profile=profile),
        lambda image, profile: jpeg_bytes(image, quality=100, subsampling=0, icc_profile=profile),
        lambda image, profile: avif_bytes(image, quality=100, subsampling="4:4:4", icc_profile=profile),
    ],
    ids=["png", "webp", "tiff", "jpeg", "avif"],
)
def test_a_profile_means_the_same_in_every_format(save):
    difference = np.abs(pixels_of(save(photo(), matrix_profile())) - pixels_of(png_bytes(icc_profile=matrix_profile())))
    assert difference.mean() < 2


def test_a_profile_in_many_segments():
    profile = matrix_profile()
    padded = profile + bytes(150_000)
    whole, padded = (jpeg_bytes(icc_profile=profile) for profile in (profile, padded))
    assert np.array_equal(pixels_of(whole), pixels_of(padded))
    missing = padded.replace(b"ICC_PROFILE\0\2", b"ICC_PROFILE\0\3")
    assert np.array_equal(pixels_of(missing), pixels_of(jpeg_bytes()))


def test_an_srgb_profile_changes_nothing():
    assert np.array_equal(pixels_of(with_icc_bytes("PNG")), pixels_of(png_bytes()))


def test_ink_is_shown_by_its_profile():
    image = photo().convert("CMYK")
    content = encoded(image, "TIFF", icc_profile=ink_profile())
    profile = ImageCms.getOpenProfile(io.BytesIO(ink_profile()))
    expected = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert np.abs(pixels_of(content) - np.asarray(expected, int)).mean() < 6
    assert np.abs(pixels_of(content) - pixels_of(cmyk_jpeg_bytes())).mean() > 20


def test_a_profile_of_other_pixels_is_none():
    expected = pixels_of(png_bytes())
    for profile in (ink_profile(), grey_profile()):
        assert np.array_equal(pixels_of(png_bytes(icc_profile=profile)), expected)
    plain = encoded(photo().convert("CMYK"), "TIFF")
    assert np.array_equal(
        pixels_of(encoded(photo().convert("CMYK"), "TIFF", icc_profile=matrix_profile())), pixels_of(plain)
    )


@pytest.mark.parametrize("kind", [b"link", b"abst", b"nmcl", b"what"])
def test_a_profile_of_another_class_is_none(kind):
    assert np.array_equal(pixels_of(png_bytes(icc_profile=matrix_profile(kind=kind))), pixels_of(png_bytes()))


def test_a_profile_that_is_cut_off_is_none():
    profile = matrix_profile()
    for length in range(0, len(profile), 7):
        content = png_bytes(icc_profile=profile[:length]) if length else png_bytes()
        assert np.array_equal(pixels_of(content), pixels_of(png_bytes()))


def test_a_profile_that_promises_too_much_is_none_and_takes_no_memory():
    table = bytearray(table_profile(LAB_CORNERS))
    table[table.index(b"mft1") + 10] = 255  # 255^3 nodes that are not there
    inflated = png_bytes(icc_profile=matrix_profile() + bytes(60_000_000))
    assert len(inflated) < 1_000_000
    expected = pixels_of(png_bytes())
    tracemalloc.start()
    try:
        for content in (png_bytes(icc_profile=bytes(table)), inflated):
            assert np.array_equal(pixels_of(content), expected)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


PROFILES = {
    "RGB": [matrix_profile(), table_profile(LAB_CORNERS), matrix_profile(PROPHOTO, 1.8, version=4)],
    "L": [grey_profile()],
    "CMYK": [ink_profile()],
}


@settings(max_examples=300, deadline=None)
@given(
    mode=st.sampled_from(sorted(PROFILES)),
    which=st.integers(0, 2),
    edits=st.lists(st.tuples(st.floats(0, 0.999), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4),
)
def test_a_damaged_profile_is_used_or_none(mode, which, edits):
    profile = bytearray(PROFILES[mode][which % len(PROFILES[mode])])
    for place, payload in edits:
        at = int(place * len(profile))
        profile[at : at + len(payload)] = payload
    decoded = decode(encoded(photo(24, 18).convert(mode), "TIFF", icc_profile=bytes(profile)), name="x")
    assert decoded.pixels.shape == (18, 24, 3)


def test_a_transform_is_made_once(monkeypatch):
    made = []
    build = colour_management.ImageCms.buildTransform

    def counting(*arguments, **named):
        made.append(arguments)
        return build(*arguments, **named)

    monkeypatch.setattr(colour_management.ImageCms, "buildTransform", counting)
    profile = matrix_profile(DISPLAY_P3, 2.1875)
    for seed in range(3):
        pixels_of(png_bytes(noise(40, 30, seed), icc_profile=profile + bytes(seed)))
    assert len(made) == 1


def test_a_profile_is_applied_once():
    content = png_bytes(icc_profile=matrix_profile())
    opened = OpenedImage(content, name="x")
    assert np.array_equal(np.asarray(opened.rgb()), pixels_of(content))


def test_gif_has_no_profile():
    assert read_header(gif_bytes(), "image/gif").colour.profile == b""
