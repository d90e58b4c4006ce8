import numpy as np

from decoding import levels_apart, pixels_of
from lookalike.preprocessing import decode
from pictures import (
    grey16_tiff_bytes,
    photo,
    tiff_bytes,
)


class TestByteOrder:
    def test_big_endian_and_big_tiff(self):
        ramp = np.asarray(decode(grey16_tiff_bytes(big_endian=True), name="be.tif").pixels)
        assert np.array_equal(ramp, pixels_of(grey16_tiff_bytes()))
        assert levels_apart(pixels_of(tiff_bytes(big_tiff=True)), photo()) == 0
