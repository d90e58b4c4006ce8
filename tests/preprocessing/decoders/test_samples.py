"""TIFFs of science and printing: what their samples are is what is seen."""

import struct
import zlib

import numpy as np
import pytest

from lookalike.errors import ImageRefused
from lookalike.preprocessing import decode
from pictures import photo, tiff_of

GREY = np.asarray(photo(64, 48).convert("L")).astype(float)
RGB = np.asarray(photo(64, 48)).astype(float)
SIZE = (64, 48)


def grey_of(content):
    return decode(content, name="scan.tif").pixels[:, :, 1].astype(float)


def likeness(values, true=GREY):
    return float(np.corrcoef(values.ravel(), true.ravel())[0, 1])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("form", "kind", "bits", "scale", "offset"),
    [
        ("u2", 1, 16, 257, 0),
        ("u2", 1, 16, 16, 0),  # 12 bits in 16
        ("u2", 1, 16, 4, 0),  # 10 bits in 16
        ("u4", 1, 32, 16_843_009, 0),
        ("u8", 1, 64, 72_340_172_838_076_673 // 256, 0),
        ("i1", 2, 8, 1, -128),
        ("i2", 2, 16, 100, -8_000),
        ("i4", 2, 32, 5_000, -90_000),
        ("f2", 3, 16, 1 / 255, 0),
        ("f4", 3, 32, 1 / 255, 0),
        ("f4", 3, 32, 12.5, -300),
        ("f8", 3, 64, 1, 0),
    ],
)
def test_grey_of_every_kind(order, form, kind, bits, scale, offset):
    values = (GREY * scale + offset).astype(order + form)
    pixels = grey_of(tiff_of(SIZE, values.tobytes(), bits=bits, kind=kind, order=order))
    assert likeness(pixels) > 0.999
    assert np.ptp(pixels) > 0.9 * np.ptp(GREY)


@pytest.mark.parametrize(
    ("form", "kind", "bits", "scale"), [("f4", 3, 32, 1 / 255), ("u2", 1, 16, 257), ("f8", 3, 64, 1)]
)
@pytest.mark.parametrize("compression", [1, 8])
def test_colours(form, kind, bits, scale, compression):
    data = (RGB * scale).astype("<" + form).tobytes()
    data = zlib.compress(data) if compression == 8 else data
    content = tiff_of(SIZE, data, bits=bits, samples=3, kind=kind, tags={259: (compression,)})
    assert np.abs(decode(content, name="x").pixels - RGB).max() <= 1


def test_samples_stored_apart():
    data = [(RGB[:, :, channel] / 255).astype("<f4").tobytes() for channel in range(3)]
    content = tiff_of(SIZE, data, bits=32, samples=3, kind=3, tags={284: (2,), 278: (48,)})
    assert np.abs(decode(content, name="x").pixels - RGB).max() <= 1


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_bits(bits):
    numbers = (GREY / 255 * (2**bits - 1)).astype(np.uint32)
    every = (numbers[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    data = np.packbits(every.reshape(48, -1).astype(np.uint8), axis=1).tobytes()
    assert np.abs(grey_of(tiff_of(SIZE, data, bits=bits)) - GREY).max() <= 1


@pytest.mark.parametrize("form", ["u2", "f4"])
def test_predictors(form):
    values = np.ascontiguousarray((GREY * 200).astype(form))
    if form == "u2":
        tags = {317: (2,)}
        data = np.diff(values, axis=1, prepend=np.zeros((48, 1), values.dtype)).astype("<u2").tobytes()
    else:
        tags = {317: (3,)}
        split = values.astype(">f4").view(np.uint8).reshape(48, 64, 4).transpose(0, 2, 1).reshape(48, -1)
        data = np.diff(split, axis=1, prepend=np.zeros((48, 1), np.uint8)).astype(np.uint8).tobytes()
    content = tiff_of(
        SIZE, zlib.compress(data), bits=8 * values.itemsize, kind=3 if form == "f4" else 1, tags={259: (8,), **tags}
    )
    assert likeness(grey_of(content)) > 0.999


@pytest.mark.parametrize(
    ("form", "marker", "tags"),
    [
        ("f4", -9999, {}),
        ("f4", -3.4028235e38, {}),
        ("f4", 7777, {42_113: b"7777\0"}),
        ("i2", -32_768, {}),
        ("u2", 65_535, {42_113: b"65535 \0"}),
    ],
)
def test_values_that_stand_for_no_data_do_not_flatten_the_rest(form, marker, tags):
    values = (GREY * 0.9 + 10).astype("<" + form)
    values[:10, :10] = marker
    content = tiff_of(
        SIZE, values.tobytes(), bits=8 * values.itemsize, kind={"f": 3, "i": 2, "u": 1}[form[0]], tags=tags
    )
    pixels = grey_of(content)
    rest = np.ones(GREY.shape, bool)
    rest[:10, :10] = False
    assert likeness(pixels[rest], GREY[rest]) > 0.99
    assert np.ptp(pixels[rest]) >= 0.8 * np.ptp(GREY[rest])
    assert np.ptp(pixels[:10, :10]) == 0


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
        decode(tiff_of(SIZE, data, **options), name="scan.tif")
    assert refusal.value.reason == "unsupported-format"


def test_the_largest_full_picture_is_taken():
    """Not the first, not a reduced copy, and whether the others are next in the chain or below it."""
    small, full = photo(16, 12), photo(64, 48)
    for link in (330, None):
        second = tiff_of(SIZE, full.tobytes(), samples=3)
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
