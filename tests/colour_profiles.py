"""ICC profiles made by hand, of each kind that pictures carry."""

import struct

import numpy as np

SRGB = ((0.4360, 0.3851, 0.1431), (0.2225, 0.7169, 0.0606), (0.0139, 0.0971, 0.7141))
DISPLAY_P3 = ((0.5151, 0.2920, 0.1571), (0.2412, 0.6922, 0.0666), (-0.0011, 0.0419, 0.7841))
ADOBE_RGB = ((0.6097, 0.2053, 0.1492), (0.3111, 0.6257, 0.0632), (0.0195, 0.0609, 0.7446))
PROPHOTO = ((0.7977, 0.1352, 0.0313), (0.2880, 0.7119, 0.0001), (0.0, 0.0, 0.8249))
"""From linear RGB to XYZ under D50, rows X, Y, Z."""


def matrix_profile(rows=DISPLAY_P3, gamma=2.2, **header):
    """Of RGB pixels, by a matrix and one gamma."""
    tags = {
        name: _xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), zip(*rows, strict=True), strict=True)
    }
    return profile(tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _gamma(gamma)), **header)


def grey_profile(gamma=1.0, **header):
    return profile({b"kTRC": _gamma(gamma)}, space=b"GRAY", **header)


def table_profile(colours, **header):
    """Of as many inputs as `colours` has axes less one: Lab at the corners, [2, ..., 2, 3], as 8-bit levels."""
    corners = np.asarray(colours, np.uint8)
    inputs = corners.ndim - 1
    identity = bytes(range(256))
    matrix = b"".join(struct.pack(">i", 65_536 * (at % 4 == 0)) for at in range(9))
    tag = b"mft1\0\0\0\0" + bytes([inputs, 3, 2, 0]) + matrix + identity * inputs + corners.tobytes() + identity * 3
    space = {3: b"RGB ", 4: b"CMYK"}[inputs]
    return profile({b"A2B0": tag}, **{"space": space, "connection": b"Lab ", "kind": b"prtr"} | header)


def ink_profile():
    """Of CMYK pixels: paper is white, black is not quite, and inks are duller than a screen's colours."""
    corners = np.empty((2, 2, 2, 2, 3))
    for cyan, magenta, yellow, black in np.ndindex(2, 2, 2, 2):
        light = (255 - 100 * cyan - 120 * magenta - 20 * yellow) * (1 - 0.85 * black)
        corners[cyan, magenta, yellow, black] = (
            max(light, 15),
            128 + (1 - black) * (70 * magenta - 40 * cyan - 8 * yellow),
            128 + (1 - black) * (80 * yellow - 45 * cyan - 5 * magenta),
        )
    return table_profile(np.clip(corners, 0, 255))


def profile(tags, *, space=b"RGB ", connection=b"XYZ ", kind=b"mntr", version=2):
    at = 132 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        table += name + struct.pack(">II", at + len(body), len(tag))
        body += tag + bytes(-len(tag) % 4)
    front = struct.pack(">I", at + len(body)) + bytes(4) + bytes([version, 16, 0, 0]) + kind + space + connection
    head = (front + bytes(12) + b"acsp").ljust(68, b"\0") + _xyz((0.9642, 1, 0.8249))[8:]
    return head.ljust(128, b"\0") + table + body


def _xyz(values):
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65_536)) for value in values)


def _gamma(value):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256)) + b"\0\0"
