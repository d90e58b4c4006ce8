import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colour_profiles import (
    PROPHOTO,
    grey_profile,
    ink_profile,
    matrix_profile,
    table_profile,
)
from decoding import levels_of
from lookalike.preprocessing import decode
from pictures import (
    encoded,
    photo,
    png_bytes,
)

LAB_CORNERS = np.array(list(np.ndindex(2, 2, 2))).reshape(2, 2, 2, 3) * (180, 40, -60) + (40, 108, 158)


PROFILES = {
    "RGB": [matrix_profile(), table_profile(LAB_CORNERS), matrix_profile(PROPHOTO, 1.8, version=4)],
    "L": [grey_profile()],
    "CMYK": [ink_profile()],
}


@pytest.mark.parametrize("kind", [b"link", b"abst", b"nmcl", b"what"])
def test_a_profile_of_another_class_is_none(kind):
    assert np.array_equal(levels_of(png_bytes(icc_profile=matrix_profile(kind=kind))), levels_of(png_bytes()))


def test_a_profile_that_is_cut_off_is_none():
    profile = matrix_profile()
    for length in range(0, len(profile), 7):
        content = png_bytes(icc_profile=profile[:length]) if length else png_bytes()
        assert np.array_equal(levels_of(content), levels_of(png_bytes()))


def test_a_profile_that_promises_too_much_is_none_and_takes_no_memory():
    table = bytearray(table_profile(LAB_CORNERS))
    table[table.index(b"mft1") + 10] = 255  # 255^3 nodes that are not there
    inflated = png_bytes(icc_profile=matrix_profile() + bytes(60_000_000))
    assert len(inflated) < 1_000_000
    expected = levels_of(png_bytes())
    tracemalloc.start()
    try:
        for content in (png_bytes(icc_profile=bytes(table)), inflated):
            assert np.array_equal(levels_of(content), expected)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


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
