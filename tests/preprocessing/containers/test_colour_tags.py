import numpy as np

from colour_profiles import (
    matrix_profile,
)
from decoding import levels_of
from lookalike.preprocessing.containers import read_header
from pictures import (
    gif_bytes,
    jpeg_bytes,
)


def test_a_profile_in_many_segments():
    profile = matrix_profile()
    padded = profile + bytes(150_000)
    whole, padded = (jpeg_bytes(icc_profile=profile) for profile in (profile, padded))
    assert np.array_equal(levels_of(whole), levels_of(padded))
    missing = padded.replace(b"ICC_PROFILE\0\2", b"ICC_PROFILE\0\3")
    assert np.array_equal(levels_of(missing), levels_of(jpeg_bytes()))


def test_gif_has_no_profile():
    assert read_header(gif_bytes(), "image/gif").colour.profile == b""
