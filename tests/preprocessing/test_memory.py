"""What decoding takes is bounded by what is decoded, whatever a file says of itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MAKERS = """
import io, struct, zlib
import numpy as np
from PIL import Image
from pictures import *

def tile(side):
    data = zlib.compress(bytes(1 << 20))
    return tiff_of((100, 100), data, tags={322: (side,), 323: (side,), 259: (8,), 262: (1,)})

def lying(content, width, height):
    at = content.find(b"ispe")
    while at >= 0:
        content = content[:at + 8] + struct.pack(">II", width, height) + content[at + 16:]
        at = content.find(b"ispe", at + 4)
    return content

def deflated(side, samples, form, **options):
    row = np.resize(np.array([-5, 1e9] if form == "f4" else [0, 200], form), side * samples).tobytes()
    return tiff_of((side, side), zlib.compress(row * side, 1), bits=int(form[1]) * 8, samples=samples, **options)

rgb = Image.new("RGB", (5000, 4000), (10, 200, 30))
palette = bytes(range(256)) * 4
FILES = {
    "TIFF tile of 46,336": lambda: tile(46_336),
    "TIFF tile of 4,096": lambda: tile(4_096),
    "TIFF of floats in one strip": lambda: deflated(4500, 1, "f4", kind=3, tags={259: (8,)}),
    "TIFF of float colours": lambda: deflated(3500, 3, "f4", kind=3, tags={259: (8,)}),
    "TIFF of colours in one strip": lambda: deflated(4500, 3, "u1", tags={259: (8,)}),
    "TIFF of CMYK": lambda: deflated(4500, 4, "u1", tags={259: (8,), 262: (5,)}),
    "AVIF that says 64 x 64": lambda: lying(avif_bytes(rgb, quality=1), 64, 64),
    "AVIF of 20 megapixels": lambda: avif_bytes(rgb, quality=1),
    "AVIF of 12 megapixels": lambda: avif_bytes(rgb.resize((4000, 3000)), quality=1),
    "HEIC that says 64 x 64": lambda: lying(heic_bytes(rgb.resize((1600, 1200))), 64, 64),
    "WebP without loss": lambda: webp_bytes(rgb, lossless=True, method=0),
    "WebP": lambda: webp_bytes(rgb, method=0),
    "WebP with alpha": lambda: webp_bytes(rgb.convert("RGBA"), lossless=True, method=0),
    "BMP of run lengths": lambda: bmp_of(
        (30_000, 1_666), b"\\1\\1\\0\\0" * 1_666, bits=8, compression=1, extra=palette
    ),
    "BMP of masks": lambda: bmp_of(
        (5000, 4000), bytes(80_000_000), bits=32, compression=3, extra=struct.pack("<III", 0xFF00, 0xFF, 0xFF0000)
    ),
    "PNG with alpha": lambda: png_bytes(rgb.convert("RGBA"), compress_level=1),
    "PNG of 16 bits": lambda: png_bytes(Image.new("I;16", (5000, 4000), 9), compress_level=1),
    "PNG with a transparent colour": lambda: png_bytes(rgb, transparency=(1, 2, 3), compress_level=1),
    "PNG that is turned": lambda: oriented_bytes(6, rgb, file_format="PNG"),
    "GIF": lambda: gif_bytes(Image.new("P", (5000, 4000))),
    "JPEG of 108 megapixels": lambda: jpeg_bytes(Image.new("RGB", (12_000, 9_000))),
    "JPEG of CMYK": lambda: jpeg_bytes(Image.new("CMYK", (5000, 4000))),
    "progressive JPEG": lambda: jpeg_bytes(rgb, progressive=True, subsampling=0),
    "JPEG without an end": lambda: jpeg_bytes(rgb)[:-2],
}
"""
SCRIPT = """
import json, sys
from lookalike.errors import ImageRefused
from lookalike.preprocessing import Limits, Preprocessing, prepare
from lookalike.types import Box

def kilobytes(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name))

def measured(content, crop):
    open("/proc/self/clear_refs", "w").write("5")
    before = kilobytes("VmRSS")
    try:
        prepared = prepare(content, Preprocessing(size=224, mean=(0, 0, 0), std=(1, 1, 1)), name="x", crop=crop)
        pixels = prepared.width * prepared.height
    except ImageRefused:
        pixels = 0
    return pixels, (kilobytes("VmHWM") - before) * 1024

small = Box(x=0.4, y=0.4, width=0.03, height=0.03)
for name in json.loads(sys.argv[1]):
    content = FILES[name]()
    for crop in (None, small):
        print(json.dumps([name, crop is None, *measured(content, crop)]), flush=True)
"""
NAMES = [line.split('"')[1] for line in MAKERS.splitlines() if line.startswith('    "')]


@pytest.mark.parametrize("names", [NAMES[::2], NAMES[1::2]])
def test_decoding_takes_4_bytes_a_pixel_and_64_megabytes(names):
    """Of whole pictures, and of small parts of them in all detail."""
    if not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("measured through /proc")
    tests = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", MAKERS + SCRIPT, json.dumps(names)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent / "src")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 2 * len(names)
    too_much = [row for row in rows if row[3] > 4 * row[2] + 64 * 10**6]
    assert not too_much
