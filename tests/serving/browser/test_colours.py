"""Pictures in other colour spaces have the colours that the browser shows, whatever says what their space is."""

import base64
import struct

import numpy as np
import pytest
from PIL import Image

from colour_profiles import ADOBE_RGB, DISPLAY_P3, PROPHOTO, SRGB, grey_profile, matrix_profile, table_profile
from lookalike.preprocessing import decode
from pictures import avif_bytes, jpeg_bytes, png_bytes, png_chunk, webp_bytes

DRAWN = """async ([type, data]) => {
    const image = new Image()
    image.src = `data:${type};base64,${data}`
    await image.decode()
    const canvas = Object.assign(document.createElement("canvas"), {width: image.width, height: image.height})
    const context = canvas.getContext("2d")
    context.drawImage(image, 0, 0)
    return Array.from(context.getImageData(0, 0, image.width, image.height).data)
}"""


def colours():
    """Nine levels of each channel, 27 x 27, each 4 pixels a side."""
    levels = np.array([0, 12, 40, 80, 120, 160, 200, 232, 255], np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(27, 27, 3)
    return Image.fromarray(np.repeat(np.repeat(grid, 4, axis=0), 4, axis=1))


def greys():
    return Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))


def tagged_png(*chunks, image=None):
    content = png_bytes(image or colours())
    return content[:33] + b"".join(png_chunk(kind, payload) for kind, payload in chunks) + content[33:]


def code_points(primaries, transfer):
    return b"cICP", bytes([primaries, transfer, 0, 1])


def gamma(value):
    return b"gAMA", struct.pack(">I", round(value * 100_000))


def primaries(*values):
    return b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in values))


def coded_avif(primaries, transfer, image=None):
    content = avif_bytes(image or colours(), quality=100, subsampling="4:4:4")
    at = content.index(b"colrnclx") + 8
    return content[:at] + struct.pack(">HH", primaries, transfer) + content[at + 4 :]


P3 = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
LAB_CORNERS = np.array(list(np.ndindex(2, 2, 2))).reshape(2, 2, 2, 3) * (180, 40, -60) + (40, 108, 158)
TAGGED = {
    "png-p3": lambda: png_bytes(colours(), icc_profile=matrix_profile(DISPLAY_P3)),
    "png-adobe": lambda: png_bytes(colours(), icc_profile=matrix_profile(ADOBE_RGB)),
    "png-prophoto": lambda: png_bytes(colours(), icc_profile=matrix_profile(PROPHOTO, 1.8)),
    "jpeg-p3": lambda: jpeg_bytes(colours(), quality=100, subsampling=0, icc_profile=matrix_profile()),
    "webp-p3": lambda: webp_bytes(colours(), lossless=True, icc_profile=matrix_profile()),
    "avif-p3": lambda: avif_bytes(colours(), quality=100, subsampling="4:4:4", icc_profile=matrix_profile()),
    "palette-p3": lambda: png_bytes(colours().quantize(64), icc_profile=matrix_profile()),
    "alpha-p3": lambda: png_bytes(colours().convert("RGBA"), icc_profile=matrix_profile()),
    "table": lambda: png_bytes(colours(), icc_profile=table_profile(LAB_CORNERS)),
    "grey-jpeg": lambda: jpeg_bytes(greys(), quality=100, icc_profile=grey_profile(1.0)),
    "grey-png": lambda: png_bytes(greys(), icc_profile=grey_profile(1.8)),
    "grey-of-colour": lambda: png_bytes(greys(), icc_profile=matrix_profile(SRGB, 1.0)),
    "colour-of-grey": lambda: png_bytes(colours(), icc_profile=grey_profile()),
    "gamma": lambda: tagged_png(gamma(1.0)),
    "usual-gamma": lambda: tagged_png(gamma(0.45455)),
    "gamma-and-primaries": lambda: tagged_png(gamma(0.45455), primaries(*P3)),
    "primaries-alone": lambda: tagged_png(primaries(*P3)),
    "no-primaries": lambda: tagged_png(gamma(1.0), primaries(*[0.3] * 8)),
    "srgb-over-gamma": lambda: tagged_png((b"sRGB", b"\0"), gamma(1.0)),
    "code-points-over-srgb": lambda: tagged_png((b"sRGB", b"\0"), code_points(12, 13)),
    "bt709": lambda: tagged_png(code_points(1, 1)),
    "bt2020": lambda: tagged_png(code_points(9, 14)),
    "smpte240": lambda: tagged_png(code_points(7, 7)),
    "linear": lambda: tagged_png(code_points(1, 8)),
    "unknown-code-points": lambda: tagged_png(code_points(2, 2)),
    "pq": lambda: tagged_png(code_points(1, 16)),
    "hlg": lambda: tagged_png(code_points(9, 18)),
    "avif-p3-code-points": lambda: coded_avif(12, 13),
    "avif-bt709": lambda: coded_avif(1, 1),
    "avif-pq": lambda: coded_avif(9, 16),
    "avif-hlg": lambda: coded_avif(9, 18),
}


@pytest.fixture(scope="module")
def blank_page(chromium):
    page = chromium.new_page()
    yield page
    page.close()


@pytest.mark.parametrize("name", TAGGED)
def test_pictures_are_within_two_levels_of_the_browser(blank_page, name):
    content = TAGGED[name]()
    decoded = decode(content, name=name)
    drawn = blank_page.evaluate(DRAWN, [decoded.media_type, base64.b64encode(content).decode()])
    expected = np.array(drawn).reshape(*decoded.pixels.shape[:2], 4)[:, :, :3]
    differences = np.abs(decoded.pixels.astype(int) - expected)
    assert np.quantile(differences, 0.99) <= 2
    assert differences.max() <= 5  # light far above the peak of a PQ picture is cut off otherwise
