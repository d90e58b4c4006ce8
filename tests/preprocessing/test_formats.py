import pytest

from decoding import refusal_of
from lookalike.preprocessing import EXTENSIONS, reads, worth_opening
from pictures import (
    NOT_IMAGES,
    OTHER_FORMATS,
    other_format_bytes,
)


class TestNotImages:
    def test_empty(self):
        error = refusal_of(b"")
        assert error.reason == "empty"
        assert "0 bytes" in error.message

    @pytest.mark.parametrize("kind", NOT_IMAGES)
    def test_other_files(self, kind):
        assert refusal_of(NOT_IMAGES[kind]).reason in {"not-an-image", "unsupported-format", "truncated"}

    def test_words_are_not_an_image_and_the_formats_are_named(self):
        error = refusal_of(NOT_IMAGES["text"])
        assert error.reason == "not-an-image"
        assert "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF" in error.message

    @pytest.mark.parametrize("file_format", OTHER_FORMATS)
    def test_formats_pillow_reads_and_we_do_not(self, file_format):
        assert refusal_of(other_format_bytes(file_format)).reason in {"not-an-image", "unsupported-format"}

    def test_a_video_is_named(self):
        error = refusal_of(b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(40))
        assert error.reason == "unsupported-format"
        assert "isom" in error.message


class TestNames:
    @pytest.mark.parametrize("name", ["a.jpg", "A.JPEG", "b.Png", "x/y.webp", "c.tif", "d.TIFF", "e.avif", "f.HEIC"])
    def test_worth_opening(self, name):
        assert worth_opening(name)

    @pytest.mark.parametrize("name", ["a.txt", "jpg", ".jpg", "a.jpg.part", "", "dir.jpg/"[:-5] + "x"])
    def test_not_worth_opening(self, name):
        assert not worth_opening(name)

    def test_extensions_are_lower_case_with_a_dot(self):
        assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in EXTENSIONS)
        assert {".jpg", ".png", ".webp", ".gif", ".bmp", ".tiff", ".avif", ".heic"} <= EXTENSIONS

    def test_media_types(self):
        assert reads("image/jpeg")
        assert not reads("image/svg+xml")
