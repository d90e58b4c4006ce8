"""Repair of PNG files with wrong checksums."""

import struct
import zlib
from collections.abc import Iterator

_SIGNATURE_LENGTH = 8
_FRAMING = 12
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row, and steps, of each pass of an interlaced picture."""
_PART = 1 << 20


def rewritten(content: bytes) -> bytes:
    """The same picture with correct checksums and an end chunk; data after its last row is dropped.

    Raises:
        EOFError: rows are missing.
        zlib.error: the compressed data is damaged.
    """
    kept, data = [], []
    for kind, payload in _chunks(content):
        if kind == b"IDAT":
            data.append(payload)
        elif kind != b"IEND":
            kept.append(_chunk(kind, payload))
    width, height, bits, colour_type, _, _, interlaced = struct.unpack_from(">IIBBBBB", content, _SIGNATURE_LENGTH + 8)
    needed = _bytes_of_rows(width, height, bits * _CHANNELS.get(colour_type, 4), interlaced=bool(interlaced))
    packed = _packed_again(b"".join(data), needed)
    return b"".join([content[:_SIGNATURE_LENGTH], *kept, _chunk(b"IDAT", packed), _chunk(b"IEND", b"")])


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = _SIGNATURE_LENGTH
    while position + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        yield kind, content[position + 8 : position + 8 + length]
        position += _FRAMING + length


def _chunk(kind: bytes, payload: bytes) -> bytes:
    return b"".join([struct.pack(">I", len(payload)), kind, payload, struct.pack(">I", zlib.crc32(kind + payload))])


def _bytes_of_rows(width: int, height: int, bits: int, *, interlaced: bool) -> int:
    """Of all rows with their filter bytes."""
    if not interlaced:
        return height * (1 + -(-width * bits // 8))
    total = 0
    for left, top, across, down in _ADAM7:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        total += rows * (1 + -(-columns * bits // 8)) if columns > 0 and rows > 0 else 0
    return total


def _packed_again(data: bytes, needed: int) -> bytes:
    """The first bytes of a zlib stream as a stream of their own, a part at a time."""
    source = zlib.decompressobj(-zlib.MAX_WBITS)  # raw: the checksum behind the stream is not looked at
    target = zlib.compressobj(1)
    packed, rest = [], data[2:]
    while needed:
        part = source.decompress(rest, min(needed, _PART))
        rest = source.unconsumed_tail
        if not part:
            raise EOFError("rows are missing")
        packed.append(target.compress(part))
        needed -= len(part)
    return b"".join([*packed, target.flush()])
