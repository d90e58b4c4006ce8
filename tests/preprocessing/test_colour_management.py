"""What pictures say of their colours is used where it is sound, and costs nothing where it is not."""

import io

import numpy as np
import pytest
from PIL import ImageCms

from colour_profiles import (
    DISPLAY_P3,
    grey_profile,
    ink_profile,
    matrix_profile,
)
from decoding import levels_of
from lookalike.preprocessing import OpenedImage, colour_management
from pictures import (
    avif_bytes,
    cmyk_jpeg_bytes,
    encoded,
    jpeg_bytes,
    noise,
    photo,
    png_bytes,
    tiff_bytes,
    webp_bytes,
    with_icc_bytes,
)


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
    difference = np.abs(levels_of(save(photo(), matrix_profile())) - levels_of(png_bytes(icc_profile=matrix_profile())))
    assert difference.mean() < 2


def test_an_srgb_profile_changes_nothing():
    assert np.array_equal(levels_of(with_icc_bytes("PNG")), levels_of(png_bytes()))


def test_ink_is_shown_by_its_profile():
    image = photo().convert("CMYK")
    content = encoded(image, "TIFF", icc_profile=ink_profile())
    profile = ImageCms.getOpenProfile(io.BytesIO(ink_profile()))
    expected = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert np.abs(levels_of(content) - np.asarray(expected, int)).mean() < 6
    assert np.abs(levels_of(content) - levels_of(cmyk_jpeg_bytes())).mean() > 20


def test_a_profile_of_other_pixels_is_none():
    expected = levels_of(png_bytes())
    for profile in (ink_profile(), grey_profile()):
        assert np.array_equal(levels_of(png_bytes(icc_profile=profile)), expected)
    plain = encoded(photo().convert("CMYK"), "TIFF")
    assert np.array_equal(
        levels_of(encoded(photo().convert("CMYK"), "TIFF", icc_profile=matrix_profile())), levels_of(plain)
    )


def test_a_transform_is_made_once(monkeypatch):
    made = []
    build = colour_management.ImageCms.buildTransform

    def counting(*arguments, **named):
        made.append(arguments)
        return build(*arguments, **named)

    monkeypatch.setattr(colour_management.ImageCms, "buildTransform", counting)
    profile = matrix_profile(DISPLAY_P3, 2.1875)
    for seed in range(3):
        levels_of(png_bytes(noise(40, 30, seed), icc_profile=profile + bytes(seed)))
    assert len(made) == 1


def test_a_profile_is_applied_once():
    content = png_bytes(icc_profile=matrix_profile())
    opened = OpenedImage(content, name="x")
    assert np.array_equal(np.asarray(opened.rgb()), levels_of(content))
