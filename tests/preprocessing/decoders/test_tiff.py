import pytest

from decoding import levels_apart, pixels_of
from lookalike.errors import ImageRefused
from lookalike.preprocessing import decode
from pictures import (
    photo,
    tiff_bytes,
    tiff_of,
)


class TestTiff:
    @pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits", "jpeg", "raw"])
    def test_tiff_compressions(self, compression):
        assert levels_apart(pixels_of(tiff_bytes(compression=compression)), photo()) < 8


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"kind": 5, "bits": 64}, "64-bit complex samples"),
        ({"bits": 16, "tags": {262: (6,)}}, "photometric interpretation 6"),
        ({"bits": 16, "tags": {259: (34_712,)}}, "JPEG 2000"),
        ({"tags": {259: (50_002,)}}, "JPEG XL"),
        ({"tags": {262: (9_999,)}}, "photometric interpretation 9999"),
    ],
)
def test_what_is_not_read_is_named_and_not_called_damaged(options, named):
    data = bytes(64 * 48 * options.get("bits", 8) // 8)
    with pytest.raises(ImageRefused, match=named) as refusal:
        decode(tiff_of((64, 48), data, **options), name="scan.tif")
    assert refusal.value.reason == "unsupported-format"
