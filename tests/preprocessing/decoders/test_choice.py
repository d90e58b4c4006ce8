import struct

import pytest

from lookalike.preprocessing.containers import read_header
from lookalike.preprocessing.decoders import Wanted, decoder_for
from lookalike.preprocessing.decoders.bmp import MaskedBmpDecoder, RunLengthBmpDecoder
from lookalike.preprocessing.decoders.pillow import PillowDecoder
from lookalike.preprocessing.decoders.webp import LargeWebpDecoder
from pictures import FILES, bmp_bytes, bmp_of, heic_bytes, photo, webp_bytes

ALL = Wanted(shortest_side=None, most_pixels=10**8, turned=False)


def chosen(content, media_type):
    return decoder_for(read_header(content, media_type), media_type)


@pytest.mark.parametrize("media_type", [*FILES, "image/heic"])
def test_each_decoder_gives_the_size_and_then_the_pixels(media_type):
    content = FILES[media_type](photo(64, 48)) if media_type in FILES else heic_bytes(photo(64, 48))
    decoder = chosen(content, media_type)
    assert decoder.size == (64, 48)
    assert decoder.load(ALL).size == (64, 48)


def test_bitmaps_that_pillow_reads_without_a_bound_get_our_own_decoders():
    masks = struct.pack("<III", 0xFF00, 0xFF, 0xFF0000)
    masked = bmp_of((2, 2), bytes(16), bits=32, compression=3, extra=masks)
    runs = bmp_of((2, 1), b"\2\0\0\1", bits=8, compression=1, extra=bytes(1024))
    assert isinstance(chosen(masked, "image/bmp"), MaskedBmpDecoder)
    assert isinstance(chosen(runs, "image/bmp"), RunLengthBmpDecoder)
    assert type(chosen(bmp_bytes(), "image/bmp")) is PillowDecoder


def test_large_webp_is_scaled_while_it_is_decoded():
    assert isinstance(chosen(webp_bytes(photo(2501, 2000), method=0), "image/webp"), LargeWebpDecoder)
    assert type(chosen(webp_bytes(), "image/webp")) is PillowDecoder
