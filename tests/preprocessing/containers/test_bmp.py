import struct

import pytest

from lookalike.preprocessing.containers.bmp import bmp_fields, read_bmp
from pictures import bmp_bytes, bmp_of, photo

MASKS = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)


@pytest.mark.parametrize("height", [3, -3])
def test_a_negative_height_means_rows_from_the_top(height):
    header = read_bmp(bmp_of((2, height), bytes(24), bits=24, compression=0))
    assert (header.width, header.height) == (2, 3)


def test_the_size_of_an_os2_bitmap_is_two_short_numbers():
    content = b"BM" + struct.pack("<IHHIIHHHH", 26 + 12, 0, 0, 26, 12, 2, 3, 1, 24) + bytes(24)
    header = read_bmp(content)
    assert (header.width, header.height) == (2, 3)
    assert bmp_fields(content) is None


def test_missing_padding_behind_the_last_pixel_is_filled_up():
    whole = bmp_bytes(photo(161, 120))  # rows of 483 bytes are stored as 484
    assert read_bmp(whole).content == whole
    assert read_bmp(whole[:-1]).content == whole
    assert len(read_bmp(whole[:-2]).content) == len(whole) - 2


def test_masks_are_those_of_the_file_or_the_usual_ones_of_their_depth():
    stated = bmp_fields(bmp_of((1, 1), bytes(4), bits=32, compression=3, extra=MASKS))
    assert stated.masks == (0xFF0000, 0xFF00, 0xFF)
    assert stated.start == 54 + len(MASKS)
    assert bmp_fields(bmp_of((1, 1), bytes(4), bits=16, compression=0)).masks == (0x7C00, 0x3E0, 0x1F)
    with_alpha = bmp_of((1, 1), bytes(4), bits=32, compression=6, extra=MASKS + struct.pack("<I", 0xFF000000))
    assert bmp_fields(with_alpha).masks[3] == 0xFF000000
