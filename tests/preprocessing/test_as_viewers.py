"""Files that are not quite right and that every viewer shows; and those that have lost rows, which are refused."""

import struct
import zlib

import numpy as np
import pytest

from lookalike.errors import ImageRefused
from lookalike.preprocessing import decode
from pictures import (
    avif_bytes,
    bmp_bytes,
    gif_bytes,
    grey_jpeg_bytes,
    jpeg_bytes,
    photo,
    png_bytes,
    png_chunk,
    png_from_rows,
    progressive_jpeg_bytes,
    tiff_of,
    webp_bytes,
)

SMALL = photo(161, 120)
PROGRESSIVE = progressive_jpeg_bytes(SMALL)
VIDEO = b"\0\0\0\x18ftypmp42" + np.random.default_rng(1).integers(0, 256, 1 << 20, dtype=np.uint8).tobytes()


def with_idat(change):
    """A PNG whose compressed data was changed."""
    rows = [b"\1\2\3" * 40] * 30
    whole = png_from_rows(40, 30, rows)
    at = whole.index(b"IDAT")
    (length,) = struct.unpack_from(">I", whole, at - 4)
    return whole, whole[: at - 4] + png_chunk(b"IDAT", change(whole[at + 4 : at + 4 + length])) + png_chunk(
        b"IEND", b""
    )


def changed(content, at, value):
    return content[:at] + value + content[at + len(value) :]


def avif_with_long_data():
    content = avif_bytes(SMALL)
    at = content.index(b"mdat") - 4
    return content, changed(content, at, struct.pack(">I", len(content) - at + 1000))


def wrong_riff(length):
    content = webp_bytes(SMALL)
    return content, changed(content, 4, struct.pack("<I", length(len(content) - 8)))


def with_wrong_checksum(content):
    at = content.index(b"IDAT")
    (length,) = struct.unpack_from(">I", content, at - 4)
    return changed(content, at + 4 + length, b"\1\2\3\4")


SHOWN = {
    "JPEG, no end marker": (jpeg_bytes(SMALL), jpeg_bytes(SMALL)[:-2]),
    "JPEG, half an end marker": (jpeg_bytes(SMALL), jpeg_bytes(SMALL)[:-1]),
    "JPEG, zeros for an end marker": (jpeg_bytes(SMALL), jpeg_bytes(SMALL)[:-2] + bytes(500)),
    "grey JPEG, no end marker": (grey_jpeg_bytes(), grey_jpeg_bytes()[:-2]),
    "progressive JPEG, no end marker": (progressive_jpeg_bytes(SMALL), progressive_jpeg_bytes(SMALL)[:-2]),
    "motion photo": (jpeg_bytes(SMALL), jpeg_bytes(SMALL) + VIDEO),
    "progressive motion photo": (progressive_jpeg_bytes(SMALL), progressive_jpeg_bytes(SMALL) + VIDEO),
    "JPEG followed by scans": (progressive_jpeg_bytes(SMALL), progressive_jpeg_bytes(SMALL) + b"\xff\xda" * 500),
    "PNG, no end": (png_bytes(SMALL), png_bytes(SMALL)[:-12]),
    "PNG, no end and no checksum": (png_bytes(SMALL), png_bytes(SMALL)[:-16]),
    "PNG, wrong checksum": (png_bytes(SMALL), with_wrong_checksum(png_bytes(SMALL))),
    "PNG, wrong Adler": with_idat(lambda data: data[:-4] + b"\1\2\3\4"),
    "PNG, no Adler": with_idat(lambda data: data[:-4]),
    "PNG, more data": with_idat(lambda data: data + bytes(40)),
    "PNG, followed": (png_bytes(SMALL), png_bytes(SMALL) + VIDEO),
    "WebP, length too large": wrong_riff(lambda length: length + 1000),
    "WebP, length too small": wrong_riff(lambda length: length - 10),
    "WebP, length 0": wrong_riff(lambda _: 0),
    "WebP, followed": (webp_bytes(SMALL), webp_bytes(SMALL) + b"abcd" * 10),
    "GIF, no end": (gif_bytes(SMALL), gif_bytes(SMALL)[:-1]),
    "GIF, no end of its blocks": (gif_bytes(SMALL), gif_bytes(SMALL)[:-3]),
    "GIF, followed": (gif_bytes(SMALL), gif_bytes(SMALL) + VIDEO),
    "BMP, wrong length": (bmp_bytes(SMALL), changed(bmp_bytes(SMALL), 2, b"\xff\xff\xff\x7f")),
    "BMP, last padding missing": (bmp_bytes(SMALL), bmp_bytes(SMALL)[:-1]),
    "AVIF, data too long": avif_with_long_data(),
    "AVIF, followed": (avif_bytes(SMALL), avif_bytes(SMALL) + bytes(50)),
    **{
        f"TIFF, strip lengths {length}": (
            tiff_of(SMALL.size, SMALL.tobytes(), samples=3),
            tiff_of(SMALL.size, SMALL.tobytes(), samples=3, tags={279: (length,)}),
        )
        for length in (0, 7, SMALL.width * SMALL.height * 3 + 5000)
    },
    "TIFF, deflated strip too long": (
        tiff_of(SMALL.size, SMALL.tobytes(), samples=3),
        tiff_of(SMALL.size, zlib.compress(SMALL.tobytes()), samples=3, tags={259: (8,), 279: (10**6,)}),
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_every_row_is_there_so_it_is_shown(name):
    right, odd = SHOWN[name]
    assert right != odd
    assert np.array_equal(decode(odd, name="x").pixels, decode(right, name="x").pixels)


LOST = {
    "JPEG": jpeg_bytes(SMALL)[:-40],
    "JPEG, a byte": jpeg_bytes(SMALL)[:-6],
    "progressive JPEG": progressive_jpeg_bytes(SMALL)[:-60],
    "progressive JPEG, its last scan": progressive_jpeg_bytes(SMALL)[
        : progressive_jpeg_bytes(SMALL).rindex(b"\xff\xda")
    ],
    "PNG": png_bytes(SMALL)[:-600],
    "PNG, rows that were never written": with_idat(lambda data: zlib.compress(zlib.decompress(data)[:-200]))[1],
    "GIF": gif_bytes(SMALL)[:-200],
    "WebP": webp_bytes(SMALL)[:-300],
    "BMP": bmp_bytes(SMALL)[:-3],
    "TIFF": tiff_of(SMALL.size, SMALL.tobytes()[:-1000], samples=3)[:-1],
    "TIFF, deflated": tiff_of(SMALL.size, zlib.compress(SMALL.tobytes()[:-1000]), samples=3, tags={259: (8,)}),
}


@pytest.mark.parametrize("name", LOST)
@pytest.mark.parametrize("shortest_side", [None, 8])
def test_rows_are_missing_so_it_is_refused(name, shortest_side):
    with pytest.raises(ImageRefused):
        decode(LOST[name], name="x", shortest_side=shortest_side)
