import struct

import numpy as np
import pytest

from lookalike.preprocessing import decode
from pictures import (
    bmp_of,
    photo,
)

SMALL = photo(161, 120)


class TestBmp:
    @pytest.mark.parametrize(
        ("bits", "masks"),
        [
            (16, (0xF00, 0xF0, 0xF)),
            (16, (0xF800, 0x7E0, 0x1F)),
            (16, (0x1F, 0x7E0, 0xF800)),
            (32, (0x3FF00000, 0xFFC00, 0x3FF)),
            (32, (0xFF, 0xFF00, 0xFF0000)),
            (32, (0xFF00, 0xFF0000, 0xFF000000)),
        ],
    )
    @pytest.mark.parametrize("upward", [True, False])
    def test_any_channel_masks(self, bits, masks, upward):
        pixels = np.asarray(SMALL).astype(np.uint32)
        stored = np.zeros(pixels.shape[:2], np.uint32)
        for channel, mask in enumerate(masks):
            shift = (mask & -mask).bit_length() - 1
            stored |= (pixels[:, :, channel] * (mask >> shift) // 255) << shift
        rows = np.zeros((120, (161 * bits + 31) // 32 * 32 // bits), f"<u{bits // 8}")
        rows[:, :161] = stored[::-1] if upward else stored
        size = (161, 120 if upward else -120)
        content = bmp_of(size, rows.tobytes(), bits=bits, compression=3, extra=struct.pack("<III", *masks))
        assert np.abs(decode(content, name="x").pixels.astype(int) - np.asarray(SMALL)).max() <= 17

    def test_run_lengths(self):
        palette = bytes(value for level in range(256) for value in (level, 0, 255 - level, 0))
        runs = b"\3\5" + b"\0\3\1\2\3\0" + b"\0\0" + b"\6\7" + b"\0\0" + b"\0\2\2\0" + b"\4\x09\0\1"
        pixels = decode(bmp_of((6, 3), runs, bits=8, compression=1, extra=palette), name="x").pixels
        assert pixels[2, :, 2].tolist() == [5, 5, 5, 1, 2, 3]
        assert pixels[1, :, 2].tolist() == [7] * 6
        assert pixels[0, :, 2].tolist() == [0, 0, 9, 9, 9, 9]

    def test_run_lengths_of_four_bits(self):
        palette = bytes(value for level in range(16) for value in (level, 0, 0, 0))
        runs = b"\5\x12\0\0" + b"\0\5\x34\x56\x70\0" + b"\0\1"
        pixels = decode(bmp_of((5, 2), runs, bits=4, compression=2, extra=palette), name="x").pixels
        assert pixels[1, :, 2].tolist() == [1, 2, 1, 2, 1]
        assert pixels[0, :, 2].tolist() == [3, 4, 5, 6, 7]
