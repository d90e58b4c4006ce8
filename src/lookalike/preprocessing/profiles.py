"""ICC profiles: which ones are accepted, and which parts are passed to the colour engine (ICC.1:2022).

A profile is input like any other. Its tags are checked against its length and then written anew, alone: the engine
never sees names, texts, named colours, device links or anything whose size is only promised.
"""

import hashlib
import math
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_HEADER = 128
_ENTRY = 12
_MAX_TAGS = 100
_CLASSES = {b"mntr", b"scnr", b"prtr", b"spac"}
"""Display, input, output and colour space: what maps pixels to colours by itself."""
_CONNECTIONS = {b"XYZ ", b"Lab "}
_COMPONENTS = {b"RGB ": 3, b"GRAY": 1, b"CMYK": 4}
_NEWEST_MAJOR = 4
_COLOURANTS = (b"rXYZ", b"gXYZ", b"bXYZ")
_CURVES = (b"rTRC", b"gTRC", b"bTRC")
_PARAMETERS = (1, 3, 4, 5, 7)
"""Numbers of a parametric curve, by its function type."""
_MAX_CURVE = 4_096
_MAX_TABLE_BYTES = 2 * 2**20
_TABLES = (b"A2B0", b"A2B1")
"""Perceptual, else relative colorimetric: the order in which browsers look for them."""
_PQ, _HLG = 16, 18
_FIXED = 65_536
_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
SRGB_CHROMATICITIES = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
"""x and y of white, red, green and blue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A profile that was checked.

    Attributes:
        space: of its pixels: `RGB`, `GRAY` or `CMYK`.
        content: a profile of the checked tags alone. For grey it is one of RGB whose channels have the grey's curve:
            the engine is exact there, and grey pixels are RGB by then.
        digest: SHA-256 of `content`.
        code_points: primaries and transfer of a profile of high dynamic range, which tells them in a `cicp` tag.
    """

    space: str
    content: bytes
    digest: bytes
    code_points: tuple[int, int] | None = None


def read_profile(profile: bytes) -> Profile | None:
    """The usable parts of a profile; None if it is malformed, of another class, or for another kind of pixels."""
    try:
        return _read(profile)
    except (struct.error, ValueError):
        return None


def profile_of_primaries(chromaticities: tuple[float, ...], light: NDArray[np.float64]) -> Profile | None:
    """A profile of RGB pixels with these primaries; None where they span no space.

    Args:
        chromaticities: x and y of white, red, green and blue.
        light: [256], 0..1: linear light of each level.
    """
    try:
        colourants = _to_d50(xyz_of_primaries(chromaticities), chromaticities)
    except (np.linalg.LinAlgError, ZeroDivisionError):
        return None
    if not np.isfinite(colourants).all() or np.abs(colourants).max() >= _FIXED // 2:
        return None
    levels = np.rint(np.clip(light, 0, 1) * 65_535).astype(">u2")
    curve = b"curv" + struct.pack(">4xI", len(levels)) + levels.tobytes()
    tags = {name: _xyz(column) for name, column in zip(_COLOURANTS, colourants.T, strict=True)}
    return _written("RGB", _header(b"RGB ", b"XYZ "), tags | dict.fromkeys(_CURVES, curve))


def xyz_of_primaries(chromaticities: tuple[float, ...]) -> NDArray[np.float64]:
    """[3, 3]: from linear RGB to CIE XYZ whose white has Y = 1.

    Raises:
        ZeroDivisionError, LinAlgError: they span no space.
    """
    (white_x, white_y), *primaries = [chromaticities[at : at + 2] for at in range(0, 8, 2)]
    columns = np.array([[x, y, 1 - x - y] for x, y in primaries]).T
    white = np.array([white_x / white_y, 1, (1 - white_x - white_y) / white_y])
    scaled: NDArray[np.float64] = columns * np.linalg.solve(columns, white)
    return scaled


def _to_d50(matrix: NDArray[np.float64], chromaticities: tuple[float, ...]) -> NDArray[np.float64]:
    """Adapted to the white of the profile connection space (Bradford; ICC.1, annex E)."""
    x, y = chromaticities[:2]
    cones = _BRADFORD @ np.array(_D50) / (_BRADFORD @ np.array([x / y, 1, (1 - x - y) / y]))
    adapted: NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD @ matrix
    return adapted


def _read(profile: bytes) -> Profile | None:
    size, major, kind, space, connection = struct.unpack_from(">I4xB3x4s4s4s", profile)
    (signature, count) = struct.unpack_from(">4s88xI", profile, 36)
    known = kind in _CLASSES and space in _COMPONENTS and connection in _CONNECTIONS
    if not known or signature != b"acsp" or major > _NEWEST_MAJOR or size > len(profile) or count > _MAX_TAGS:
        return None
    tags = _tags(profile[:size], count)
    chosen = _chosen(tags, space, connection)
    if chosen is None:
        return None
    if space == b"GRAY":
        return _written("GRAY", _header(b"RGB ", b"XYZ "), chosen)
    head = profile[:_HEADER]
    return _written(space.decode().strip(), head, chosen, code_points=_code_points(tags.get(b"cicp", b"")))


def _tags(profile: bytes, count: int) -> dict[bytes, bytes]:
    """Tag -> its bytes, for those that lie inside the profile."""
    tags: dict[bytes, bytes] = {}
    for number in range(count):
        name, start, length = struct.unpack_from(">4sII", profile, _HEADER + 4 + _ENTRY * number)
        if start + length <= len(profile):
            tags.setdefault(name, profile[start : start + length])
    return tags


def _chosen(tags: dict[bytes, bytes], space: bytes, connection: bytes) -> dict[bytes, bytes] | None:
    """The tags that make the transform; None where they are missing or malformed."""
    if space == b"GRAY":
        curve = _curve(tags.get(b"kTRC", b""))
        if curve is None or connection != b"XYZ ":
            return None
        primaries = _to_d50(xyz_of_primaries(SRGB_CHROMATICITIES), SRGB_CHROMATICITIES)
        colourants = {name: _xyz(column) for name, column in zip(_COLOURANTS, primaries.T, strict=True)}
        return colourants | dict.fromkeys(_CURVES, curve)
    table = next((name for name in _TABLES if name in tags), None)
    if table is not None:
        return {b"A2B0": tags[table]} if _is_whole(tags[table], _COMPONENTS[space]) else None
    if space != b"RGB " or connection != b"XYZ ":
        return None
    curves = [_curve(tags.get(name, b"")) for name in _CURVES]
    colourants = {name: tags.get(name, b"")[:20] for name in _COLOURANTS}
    if None in curves or any(len(tag) != 20 or tag[:4] != b"XYZ " for tag in colourants.values()):  # noqa: PLR2004
        return None
    return colourants | {name: curve for name, curve in zip(_CURVES, curves, strict=True) if curve is not None}


def _curve(tag: bytes) -> bytes | None:
    """A `curv` or `para` of its own length; None where it is neither."""
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        length = 12 + 2 * count
        return tag[:length] if count <= _MAX_CURVE and length <= len(tag) else None
    if tag[:4] == b"para":
        (kind,) = struct.unpack_from(">H", tag, 8)
        length = 12 + 4 * _PARAMETERS[kind] if kind < len(_PARAMETERS) else len(tag) + 1
        return tag[:length] if length <= len(tag) else None
    return None


def _is_whole(tag: bytes, components: int) -> bool:
    """Whether a table tag holds all the values that its own counts promise."""
    kind, inputs, outputs, grid = struct.unpack_from(">4s4x3B", tag)
    if (inputs, outputs) != (components, 3) or len(tag) > _MAX_TABLE_BYTES:
        return False
    if kind == b"mft1":
        return bool(grid > 1 and len(tag) >= 48 + 256 * inputs + outputs * grid**inputs + 256 * outputs)
    if kind == b"mft2":
        first, last = struct.unpack_from(">HH", tag, 48)
        values = inputs * first + outputs * grid**inputs + outputs * last
        entries = min(first, last) > 1 and max(first, last) <= _MAX_CURVE
        return bool(grid > 1 and entries and len(tag) >= 52 + 2 * values)
    return bool(kind == b"mAB ") and _is_whole_sequence(tag, inputs, outputs)


def _is_whole_sequence(tag: bytes, inputs: int, outputs: int) -> bool:
    """Of a `mAB `: every part that it points at lies inside, and so do the values of its table."""
    second, matrix, middle, table, first = struct.unpack_from(">5I", tag, 12)
    if not second or max(second, matrix + 48 * (matrix > 0), middle, table, first) > len(tag):
        return False
    counts = ((second, outputs), (middle, outputs), (first, inputs))
    if not all(_are_whole(tag, start, count) for start, count in counts if start):
        return False
    if not table:
        return inputs == outputs
    grid, width = tag[table : table + inputs], tag[table + 16]
    return min(grid) > 1 and width in {1, 2} and table + 20 + math.prod(grid) * outputs * width <= len(tag)


def _are_whole(tag: bytes, start: int, count: int) -> bool:
    """Whether so many curves, each padded to four bytes, follow one another from there."""
    for _ in range(count):
        curve = _curve(tag[start:])
        if curve is None:
            return False
        start += len(curve) + -len(curve) % 4
    return True


def _code_points(tag: bytes) -> tuple[int, int] | None:
    """Of high dynamic range; a table that claims to show such light on paper or glass is left alone by browsers."""
    if tag[:4] != b"cicp" or len(tag) < 12 or tag[9] not in {_PQ, _HLG}:  # noqa: PLR2004
        return None
    return tag[8], tag[9]


def _written(
    space: str, head: bytes, tags: dict[bytes, bytes], *, code_points: tuple[int, int] | None = None
) -> Profile:
    """Header, table and tags, whose offsets are shared where tags are equal."""
    at = _HEADER + 4 + _ENTRY * len(tags)
    places: dict[bytes, int] = {}
    body = b""
    for tag in tags.values():
        if tag not in places:
            places[tag] = at + len(body)
            body += tag + bytes(-len(tag) % 4)
    table = b"".join(struct.pack(">4sII", name, places[tag], len(tag)) for name, tag in tags.items())
    size = struct.pack(">I", at + len(body))
    content = size + head[4:_HEADER] + struct.pack(">I", len(tags)) + table + body
    return Profile(space=space, content=content, digest=hashlib.sha256(content).digest(), code_points=code_points)


def _header(space: bytes, connection: bytes) -> bytes:
    white = struct.pack(">3i", *(round(value * _FIXED) for value in _D50))
    front = bytes(8) + b"\2\x40\0\0mntr" + space + connection + bytes(12) + b"acsp"
    return (front.ljust(68, b"\0") + white).ljust(_HEADER, b"\0")


def _xyz(values: NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(value) * _FIXED) for value in values))
