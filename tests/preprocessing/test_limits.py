import os
import subprocess
import sys
from pathlib import Path

import pytest

from decoding import refusal_of
from lookalike.errors import ImageRefused
from lookalike.preprocessing import Limits, Preprocessing, decode, prepare, thumbnail
from pictures import (
    bomb_png_bytes,
    huge_header_bmp_bytes,
    huge_header_gif_bytes,
    huge_header_jpeg_bytes,
    huge_header_png_bytes,
    huge_header_tiff_bytes,
    huge_header_webp_bytes,
    jpeg_bytes,
    photo,
    png_bytes,
    png_from_rows,
)

HUGE = [
    huge_header_png_bytes,
    huge_header_jpeg_bytes,
    huge_header_gif_bytes,
    huge_header_bmp_bytes,
    huge_header_tiff_bytes,
    huge_header_webp_bytes,
]


class TestLimits:
    def test_bytes(self):
        content = jpeg_bytes()
        error = refusal_of(content, Limits(max_bytes=1000))
        assert error.reason == "too-many-bytes"
        assert "1,000 bytes" in error.message
        assert f"{len(content):,} bytes" in error.message
        assert decode(content, name="x", limits=Limits(max_bytes=len(content))).width == 320

    def test_pixels(self):
        error = refusal_of(png_bytes(), Limits(max_pixels=320 * 240 - 1))
        assert error.reason == "too-many-pixels"
        assert "320 x 240" in error.message
        assert "76,799" in error.message
        assert decode(png_bytes(), name="x", limits=Limits(max_pixels=320 * 240)).width == 320

    def test_side(self):
        error = refusal_of(png_bytes(photo(40_000, 2)))
        assert error.reason == "side-too-long"
        assert "40,000 x 2" in error.message
        assert "30,000" in error.message
        assert decode(png_bytes(photo(30_000, 2)), name="x").width == 30_000

    @pytest.mark.parametrize("make", HUGE)
    def test_a_huge_header_is_refused(self, make):
        content = make()
        assert len(content) < 3_000
        error = refusal_of(content, Limits(max_pixels=20_000_000))
        assert error.reason == "too-many-pixels"
        assert "20.0 megapixels" in error.message

    @pytest.mark.parametrize("make", HUGE)
    def test_every_entry_point_refuses_it(self, make):
        with pytest.raises(ImageRefused):
            prepare(make(), Preprocessing(size=8, mean=(0, 0, 0), std=(1, 1, 1)), name="x")
        with pytest.raises(ImageRefused):
            thumbnail(make(), size=64, name="x")

    def test_a_whole_bomb_is_refused(self):
        assert refusal_of(bomb_png_bytes()).reason == "too-many-pixels"

    def test_no_pixel_is_allocated(self):
        """In a process whose address space has no room for them."""
        script = """
import resource
from pictures import *
from lookalike.errors import ImageRefused
from lookalike.preprocessing import Limits, decode
contents = [make() for make in (huge_header_png_bytes, huge_header_jpeg_bytes, huge_header_gif_bytes,
            huge_header_bmp_bytes, huge_header_tiff_bytes, huge_header_webp_bytes, bomb_png_bytes)]
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 40 * 2**20,) * 2)
for content in contents:
    try:
        decode(content, name="x", limits=Limits(max_pixels=20_000_000))
    except ImageRefused as error:
        print(error.reason)
"""
        if not sys.platform.startswith("linux"):
            pytest.skip("measured through /proc")
        tests = Path(__file__).parent.parent
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent / "src")])},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == ["too-many-pixels"] * 7

    def test_a_header_without_area(self):
        assert refusal_of(png_from_rows(0, 5, [b""])).reason == "unreadable"

    @pytest.mark.parametrize("values", [{"max_bytes": 0}, {"max_pixels": -1}, {"max_side": 0}, {"max_pixels": 10**9}])
    def test_senseless_limits(self, values):
        with pytest.raises(ValueError, match="limit"):
            Limits(**values)
