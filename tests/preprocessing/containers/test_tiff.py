import struct

import numpy as np

from lookalike.preprocessing import decode
from pictures import photo, tiff_of


def _shift(content, directory, by):
    """Move what a directory points at."""
    for number in range(struct.unpack_from("<H", content, directory)[0]):
        at = directory + 2 + 12 * number
        tag, _, count = struct.unpack_from("<HHI", content, at)
        value = struct.unpack_from("<I", content, at + 8)[0]
        if count > 1 or tag == 273:
            struct.pack_into("<I", content, at + 8, value + by)
        if count > 1 and tag == 273:
            raise AssertionError("one strip only")


def test_the_largest_full_picture_is_taken():
    """Not the first, not a reduced copy, and whether the others are next in the chain or below it."""
    small, full = photo(16, 12), photo(64, 48)
    for link in (330, None):
        second = tiff_of((64, 48), full.tobytes(), samples=3)
        first = tiff_of((16, 12), small.tobytes(), samples=3, tags={254: (1,), **({330: (0,)} if link else {})})
        offset = len(first) + len(first) % 2
        moved = bytearray(second)
        place = struct.unpack_from("<I", moved, 4)[0]
        joined = bytearray(first.ljust(offset, b"\0") + moved)
        _shift(joined, offset + place, offset)
        directory = struct.unpack_from("<I", joined, 4)[0]
        count = struct.unpack_from("<H", joined, directory)[0]
        for number in range(count):
            at = directory + 2 + 12 * number
            if struct.unpack_from("<H", joined, at)[0] == 330:
                struct.pack_into("<I", joined, at + 8, offset + place)
        if link is None:
            struct.pack_into("<I", joined, directory + 2 + 12 * count, offset + place)
        assert np.array_equal(decode(bytes(joined), name="x").pixels, np.asarray(full))
