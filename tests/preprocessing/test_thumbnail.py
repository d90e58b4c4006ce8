import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lookalike.errors import ImageRefused
from lookalike.preprocessing import THUMBNAIL_MEDIA_TYPE, Limits, thumbnail
from pictures import (
    FILES,
    ORIENTATIONS,
    gif_bytes,
    hidden_colour_png_bytes,
    jpeg_bytes,
    oriented_bytes,
    photo,
    png_bytes,
    quadrants,
    truncated,
    with_icc_bytes,
)


def opened(content, size=64):
    return Image.open(io.BytesIO(thumbnail(content, size=size, name="x")))


@pytest.mark.parametrize("media_type", FILES)
def test_every_format_becomes_a_small_jpeg(media_type):
    image = opened(FILES[media_type]())
    assert image.get_format_mimetype() == THUMBNAIL_MEDIA_TYPE
    assert image.mode == "RGB"
    assert image.size == (64, 48)
    assert np.abs(np.asarray(image).astype(int) - np.asarray(photo().resize((64, 48))).astype(int)).mean() < 6


@given(width=st.integers(1, 600), height=st.integers(1, 600), size=st.integers(1, 700))
def test_the_longer_side_and_the_shape(width, height, size):
    image = opened(jpeg_bytes(photo(width, height)), size)
    assert max(image.size) == min(size, max(width, height))
    assert abs(image.width * height - image.height * width) <= max(width, height)


def test_it_never_enlarges():
    assert opened(png_bytes(photo(20, 10)), 500).size == (20, 10)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_it_is_upright(orientation):
    image = opened(oriented_bytes(orientation), 40)
    assert image.size == (40, 30)
    assert np.abs(np.asarray(image).astype(int) - np.asarray(quadrants(40, 30)).astype(int)).mean() < 10
    assert not image.getexif()


def test_alpha_is_on_white():
    pixels = np.asarray(opened(hidden_colour_png_bytes()))
    assert pixels[20, 5].min() > 250


@pytest.mark.parametrize("size", [64, 1024])
def test_no_metadata(size):
    contents = [
        with_icc_bytes("JPEG"),
        with_icc_bytes("PNG"),
        gif_bytes(comment=b"secret place"),
        jpeg_bytes(comment=b"secret place"),
        oriented_bytes(3),
    ]
    for content in contents:
        small = thumbnail(content, size=size, name="x")
        assert b"secret" not in small
        assert b"ICC_PROFILE" not in small
        assert b"Exif" not in small
        assert "comment" not in Image.open(io.BytesIO(small)).info


def test_the_same_bytes_give_the_same():
    assert thumbnail(jpeg_bytes(), size=100, name="x") == thumbnail(jpeg_bytes(), size=100, name="x")


def test_the_same_refusals():
    with pytest.raises(ImageRefused) as refusal:
        thumbnail(truncated(jpeg_bytes()), size=64, name="cut.jpg")
    assert refusal.value.reason == "truncated"
    with pytest.raises(ImageRefused) as refusal:
        thumbnail(jpeg_bytes(), size=64, name="x", limits=Limits(max_pixels=100))
    assert refusal.value.reason == "too-many-pixels"


def test_a_senseless_size():
    with pytest.raises(ValueError, match="at least 1"):
        thumbnail(jpeg_bytes(), size=0, name="x")
