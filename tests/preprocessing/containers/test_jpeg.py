import numpy as np

from decoding import pixels_of, refusal_of
from pictures import (
    jpeg_bytes,
    jpeg_with_segment,
    progressive_jpeg_bytes,
)


class TestSegments:
    def test_a_malformed_multi_picture_block_is_not_read(self):
        content = jpeg_with_segment(b"MPF\0II*\0\xff\xff\xff\x7f", marker=0xE2)
        assert np.array_equal(pixels_of(content), pixels_of(jpeg_bytes()))

    def test_junk_between_segments_is_skipped(self):
        plain = jpeg_bytes()
        tables = plain.index(b"\xff\xdb")
        assert np.array_equal(pixels_of(plain[:tables] + bytes(1000) + plain[tables:]), pixels_of(plain))

    def test_a_jpeg_of_very_many_scans(self):
        content = progressive_jpeg_bytes()
        scan = content.rindex(b"\xff\xda")
        assert refusal_of(content[:scan] + content[scan:-2] * 100 + content[-2:]).reason == "unreadable"
