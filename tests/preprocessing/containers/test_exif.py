import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from decoding import pixels_of
from lookalike.preprocessing import decode
from pictures import (
    exif_block,
    jpeg_bytes,
    jpeg_with_segment,
    malformed_exif_bytes,
    oriented_bytes,
    png_bytes,
    quadrants,
    webp_bytes,
)


class TestExif:
    def test_big_endian_exif(self):
        stored = quadrants().transpose(Image.Transpose.ROTATE_90)
        content = jpeg_with_segment(b"Exif\0\0" + exif_block(6, big_endian=True), image=stored)
        assert decode(content, name="camera").pixels.shape == (60, 80, 3)

    @pytest.mark.parametrize("orientation", [0, 9, 65535])
    def test_impossible_orientations_are_ignored(self, orientation):
        content = jpeg_with_segment(b"Exif\0\0" + exif_block(orientation))
        assert decode(content, name="camera").pixels.shape == (240, 320, 3)

    @given(st.binary(max_size=200))
    def test_any_exif_block_is_harmless(self, block):
        decoded = decode(jpeg_with_segment(b"Exif\0\0" + block), name="camera")
        assert sorted((decoded.width, decoded.height)) == [240, 320]

    def test_malformed_exif_is_ignored(self):
        assert np.array_equal(pixels_of(malformed_exif_bytes()), pixels_of(jpeg_bytes()))

    def test_malformed_exif_of_other_formats(self):
        broken = b"II*\0\x08\0\0\0\xff\xff\x12\x01"
        for content in (webp_bytes(exif=broken), png_bytes(exif=broken)):
            assert decode(content, name="camera").pixels.shape == (240, 320, 3)
        content = oriented_bytes(6, file_format="AVIF")
        assert decode(content.replace(b"Exif\0\0", b"Exif\xff\xff"), name="camera").pixels.shape == (60, 80, 3)

    def test_a_fill_byte_after_its_name(self):
        content = jpeg_with_segment(b"Exif\0\xff" + exif_block(6), image=quadrants())
        assert decode(content, name="x").pixels.shape == (80, 60, 3)

    @pytest.mark.parametrize("first", [b"Exif\0\0", b"Exif\0\0II*\0\x08\0\0\0\0\0", b"Exif\0\0" + bytes(30)])
    def test_an_empty_first_block(self, first):
        second = jpeg_with_segment(b"Exif\0\0" + exif_block(6), image=quadrants())
        content = second[:2] + b"\xff\xe1" + struct.pack(">H", len(first) + 2) + first + second[2:]
        assert decode(content, name="x").pixels.shape == (80, 60, 3)
