import zlib

import numpy as np
import pytest

from decoding import pixels_of
from lookalike.preprocessing.decoders.png import rewritten
from pictures import encoded, one_bit_png_bytes, photo, png_bytes, png_chunk, png_from_rows

CONTENTS = {
    "colours": png_bytes(photo(61, 40)),
    "alpha": png_bytes(photo(61, 40).convert("RGBA")),
    "grey of 16 bits": png_from_rows(3, 2, [b"\x12\x34" * 3] * 2, bits=16, colour_type=0),
    "one bit": one_bit_png_bytes(),
    "palette": encoded(photo(61, 40).quantize(16), "PNG"),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_wrong_checksums_become_right_and_the_picture_stays(kind):
    content = CONTENTS[kind]
    at = content.index(b"IDAT")
    length = int.from_bytes(content[at - 4 : at], "big")
    wrong = content[: at + 4 + length] + b"\1\2\3\4" + content[at + 8 + length :]
    assert np.array_equal(pixels_of(rewritten(wrong)), pixels_of(content))


def test_an_end_chunk_is_added():
    content = CONTENTS["colours"]
    assert rewritten(content[:-12]).endswith(png_chunk(b"IEND", b""))


def test_what_is_behind_the_last_row_is_dropped():
    rows = zlib.compress(b"\0\1\2\3" * 2 + bytes(10_000))
    header = png_from_rows(1, 2, [b"\1\2\3"] * 2)
    at = header.index(b"IDAT") - 4
    content = header[:at] + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")
    again = rewritten(content)
    start = again.index(b"IDAT")
    length = int.from_bytes(again[start - 4 : start], "big")
    assert zlib.decompress(again[start + 4 : start + 4 + length], wbits=15) == b"\0\1\2\3" * 2


def test_missing_rows_are_an_error():
    content = png_from_rows(1, 3, [b"\1\2\3"] * 2)
    with pytest.raises(EOFError, match="rows are missing"):
        rewritten(content)
