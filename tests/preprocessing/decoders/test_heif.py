from decoding import levels_apart
from lookalike.preprocessing import decode
from pictures import (
    heic_bytes,
    photo,
)


class TestHeic:
    def test_heic(self):
        decoded = decode(heic_bytes(), name="phone.heic")
        assert decoded.media_type == "image/heic"
        assert levels_apart(decoded.pixels, photo()) < 8
