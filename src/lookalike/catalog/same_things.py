"""Verified hits of a query, packed: id, inliers, corners."""

import struct
from collections.abc import Mapping

from lookalike.types import SameThing

_HEAD = struct.Struct("<16sHB")
_CORNER = struct.Struct("<ff")
_MOST = 2**16 - 1


def pack(same_things: Mapping[str, SameThing]) -> bytes | None:
    """The verified hits of a query, by id, as they are stored; None where there are none."""
    parts = [
        _HEAD.pack(bytes.fromhex(image_id), min(one.inliers, _MOST), len(one.outline))
        + b"".join(_CORNER.pack(x, y) for x, y in one.outline)
        for image_id, one in same_things.items()
    ]
    return b"".join(parts) or None


def unpack(stored: bytes | None) -> dict[str, SameThing]:
    """What `pack` was given."""
    stored, at, found = bytes(stored or b""), 0, {}
    while at < len(stored):
        image_id, inliers, corners = _HEAD.unpack_from(stored, at)
        at += _HEAD.size
        end = at + corners * _CORNER.size
        outline = tuple((float(x), float(y)) for x, y in _CORNER.iter_unpack(stored[at:end]))
        found[image_id.hex()] = SameThing(inliers=inliers, outline=outline)
        at = end
    return found
