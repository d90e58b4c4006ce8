"""Random damage to valid files: the only thing that ever comes out, beside pixels, is a refusal."""

import sys
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.errors import ImageRefused
from lookalike.preprocessing import Limits, Preprocessing, decode, prepare, thumbnail
from pictures import (
    FILES,
    animated_avif_bytes,
    animated_gif_bytes,
    animated_png_bytes,
    animated_webp_bytes,
    cmyk_jpeg_bytes,
    cmyk_tiff_bytes,
    float_tiff_bytes,
    grey16_png_bytes,
    grey16_tiff_bytes,
    grey_alpha_png_bytes,
    one_bit_tiff_bytes,
    oriented_bytes,
    palette_transparency_png_bytes,
    photo,
    progressive_jpeg_bytes,
    tiff_bytes,
    with_icc_bytes,
)

DECODE_MODULE = sys.modules["lookalike.preprocessing.decode"]  # the package's name for it is the function's
SMALL = photo(40, 30)
VALID = [
    *(make(SMALL) for make in FILES.values()),
    *(oriented_bytes(6, file_format=file_format) for file_format in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")),
    *(tiff_bytes(SMALL, compression=compression) for compression in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits")),
    animated_avif_bytes(),
    animated_gif_bytes(),
    animated_png_bytes(),
    animated_webp_bytes(),
    cmyk_jpeg_bytes(SMALL),
    cmyk_tiff_bytes(SMALL),
    float_tiff_bytes(np.arange(64.0).reshape(8, 8)),
    grey16_png_bytes(),
    grey16_tiff_bytes(),
    grey_alpha_png_bytes(),
    one_bit_tiff_bytes(),
    palette_transparency_png_bytes(),
    progressive_jpeg_bytes(SMALL),
    with_icc_bytes(),
    tiff_bytes(SMALL, big_tiff=True),
]
LIMITS = Limits(max_pixels=1_000_000)
REASONS = {
    "not-an-image",
    "empty",
    "truncated",
    "too-many-bytes",
    "too-many-pixels",
    "side-too-long",
    "unsupported-format",
    "unreadable",
}

# Headers are where the structure is: half of the places are in the first 200 bytes.
places = st.one_of(st.floats(0, 1), st.integers(0, 200))
edits = st.tuples(
    st.sampled_from(["set", "insert", "drop", "cut", "repeat"]), places, st.binary(min_size=1, max_size=8)
)


def damaged(content, edit):
    kind, place, payload = edit
    at = min(int(place * len(content)) if isinstance(place, float) else place, len(content))
    tail = {
        "set": payload + content[at + len(payload) :],
        "insert": payload + content[at:],
        "drop": content[at + len(payload) :],
        "cut": b"",
        "repeat": content[max(at - 40, 0) :],
    }
    return content[:at] + tail[kind]


def check(content):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcome = outcome_of(content)
    {True: check_refusal, False: check_picture}[isinstance(outcome, ImageRefused)](outcome)


def check_refusal(refusal):
    assert refusal.reason in REASONS
    assert str(refusal).startswith("hostile: ")
    assert not isinstance(refusal.__cause__, Warning)


def check_picture(decoded):
    assert decoded.pixels.dtype == np.uint8
    assert decoded.pixels.flags.c_contiguous
    assert decoded.pixels.shape == (decoded.height, decoded.width, 3)


def outcome_of(content):
    try:
        return decode(content, name="hostile", limits=LIMITS)
    except ImageRefused as refusal:
        return refusal


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(content=st.sampled_from(VALID), changes=st.lists(edits, min_size=1, max_size=4))
def test_a_damaged_file_is_decoded_or_refused(content, changes):
    for edit in changes:
        content = damaged(content, edit)
    check(content)


@settings(max_examples=300, deadline=None)
@given(start=st.sampled_from([content[:16] for content in VALID]), rest=st.binary(max_size=300))
def test_a_good_beginning_and_nonsense(start, rest):
    check(start + rest)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_nonsense(content):
    check(content)


@pytest.mark.parametrize("error", [MemoryError, ZeroDivisionError, OverflowError, RecursionError, AttributeError("x")])
@pytest.mark.parametrize("call", ["decode", "prepare", "thumbnail"])
def test_whatever_the_decoder_raises_is_a_refusal(monkeypatch, error, call):
    def raising(*args, **kwargs):
        raise error

    monkeypatch.setattr(DECODE_MODULE, "to_rgb", raising)
    wanted = Preprocessing(size=8, mean=(0, 0, 0), std=(1, 1, 1))
    content = FILES["image/jpeg"]()
    calls = {
        "decode": lambda: decode(content, name="hostile"),
        "prepare": lambda: prepare(content, wanted, name="hostile"),
        "thumbnail": lambda: thumbnail(content, size=8, name="hostile"),
    }
    with pytest.raises(ImageRefused, match="hostile") as refusal:
        calls[call]()
    assert refusal.value.reason == "unreadable"


def test_an_interruption_is_not_swallowed(monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(DECODE_MODULE, "to_rgb", interrupted)
    with pytest.raises(KeyboardInterrupt):
        decode(FILES["image/png"](), name="x")
