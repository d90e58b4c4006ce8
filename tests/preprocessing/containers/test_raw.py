"""Camera raw files: named as such, and seen by the largest picture that the camera put into them."""

import numpy as np
import pytest

from lookalike.errors import ImageRefused
from lookalike.preprocessing import decode, worth_opening
from pictures import exif_block, jpeg_bytes, jpeg_with_segment, photo, quadrants, tiff_of

SENSOR = bytes(64 * 48 * 2)
PREVIEW = photo(320, 240)
LOSSLESS = b"\xff\xd8\xff\xc3\x00\x0b\x08\x20\x00\x20\x00\x01\x01\x11\x00" + bytes(50)


def raw_tiff(*previews, tags=None):
    """Sensor data in a TIFF, JPEGs behind it where only the maker knows of them."""
    content = tiff_of((64, 48), SENSOR, bits=16, tags={262: (32_803,), **(tags or {})})
    return content + b"maker" + b"".join(previews)


FILES = {
    "DNG": raw_tiff(jpeg_bytes(PREVIEW), tags={50_706: (1, 4, 0, 0)}),
    "NEF": raw_tiff(jpeg_bytes(photo(32, 24)), jpeg_bytes(PREVIEW), tags={271: b"NIKON CORPORATION\0"}),
    "ARW": raw_tiff(jpeg_bytes(PREVIEW), jpeg_bytes(photo(32, 24)), tags={271: b"SONY\0"}),
    "with lossless sensor data": raw_tiff(LOSSLESS, jpeg_bytes(PREVIEW)),
    "RAF": b"FUJIFILMCCD-RAW 0201FF" + bytes(100) + jpeg_bytes(PREVIEW) + SENSOR,
    "CR3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(60) + jpeg_bytes(PREVIEW) + SENSOR,
    "RW2": b"IIU\0\x08\0\0\0\0\0\0\0\0\0" + jpeg_bytes(PREVIEW) + SENSOR,
    "ORF": b"IIRO\x08\0\0\0\0\0\0\0\0\0" + jpeg_bytes(PREVIEW) + SENSOR,
    "CR2": tiff_of((64, 48), b"CR\2\0" + SENSOR, bits=16) + jpeg_bytes(PREVIEW),
}


@pytest.mark.parametrize("kind", FILES)
def test_the_largest_embedded_jpeg_is_the_picture(kind):
    decoded = decode(FILES[kind], name="photo")
    assert decoded.media_type == "image/x-raw"
    assert (decoded.width, decoded.height) == (320, 240)
    assert np.array_equal(decoded.pixels, decode(jpeg_bytes(PREVIEW), name="x").pixels)


def test_a_plain_picture_in_it_counts_too():
    content = tiff_of((320, 240), PREVIEW.tobytes(), samples=3, tags={50_706: (1, 4, 0, 0)})
    assert np.array_equal(decode(content, name="x").pixels, np.asarray(PREVIEW))


def test_a_tile_of_the_sensor_data_is_no_preview():
    tile = jpeg_bytes(photo(400, 300))
    content = tiff_of((400, 300), tile, bits=8, samples=3, tags={262: (34_892,), 259: (7,)})
    assert decode(content + jpeg_bytes(PREVIEW), name="x").width == 320


def test_it_is_turned_as_the_raw_file_or_its_preview_says():
    turned = raw_tiff(jpeg_bytes(quadrants()), tags={274: (6,)})
    assert decode(turned, name="x").pixels.shape == (80, 60, 3)
    by_preview = raw_tiff(jpeg_with_segment(b"Exif\0\0" + exif_block(8), image=quadrants()))
    assert decode(by_preview, name="x").pixels.shape == (80, 60, 3)


def test_one_without_a_preview_is_named_not_called_damaged():
    with pytest.raises(ImageRefused, match=r"camera raw file \(DNG\) without a developed picture") as refusal:
        decode(raw_tiff(tags={50_706: (1, 4, 0, 0)}), name="x")
    assert refusal.value.reason == "unsupported-format"


def test_folders_are_searched_for_them():
    assert all(worth_opening(f"a{suffix}") for suffix in (".dng", ".NEF", ".cr2", ".arw", ".orf", ".rw2", ".raf"))
