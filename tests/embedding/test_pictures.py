import numpy as np
import pytest

from doubles import ColourGridEncoder
from lookalike.embedding.pictures import PictureEncoder, stored_precision
from lookalike.errors import ImageRefused
from lookalike.preprocessing import Limits
from lookalike.types import Box
from pictures import noise, photo, png_bytes


def test_a_picture_meets_its_stored_vector_at_cosine_one():
    encoder = PictureEncoder(encoder=ColourGridEncoder())
    vector = encoder.vector(png_bytes(photo()), name="x")
    assert vector.dtype == np.float32
    np.testing.assert_array_equal(vector, vector.astype(np.float16))
    np.testing.assert_array_equal(stored_precision(vector), vector)


def test_a_part_of_a_picture_is_encoded_as_that_part_alone():
    encoder = PictureEncoder(encoder=ColourGridEncoder())
    image = noise(128, 96)
    crop = Box(x=0.5, y=0, width=0.5, height=0.5)
    part = encoder.encode(encoder.prepare(png_bytes(image), name="x", crop=crop))
    np.testing.assert_array_equal(part, encoder.vector(png_bytes(image.crop((64, 0, 128, 48))), name="x"))


def test_its_limits_are_tested_before_decoding():
    encoder = PictureEncoder(encoder=ColourGridEncoder(), limits=Limits(max_pixels=100))
    with pytest.raises(ImageRefused, match="shelf"):
        encoder.vector(png_bytes(photo()), name="shelf")
