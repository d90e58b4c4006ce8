"""TIFFs of science and printing: what their samples are is what is seen."""

import zlib

import numpy as np
import pytest

from lookalike.preprocessing import decode
from pictures import photo, tiff_of

GREY = np.asarray(photo(64, 48).convert("L")).astype(float)
SIZE = (64, 48)
RGB = np.asarray(photo(64, 48)).astype(float)


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
