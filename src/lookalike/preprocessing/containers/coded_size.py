"""AVIF and HEIC: the coded size of pictures, which decoders use regardless of the size in the container."""

import struct
from collections.abc import Iterator

_SEQUENCE_HEADER = 1
_HEVC_SEQUENCE_PARAMETERS = 33
_MAX_UNITS = 1_000


class _Bits:
    """Reads unsigned numbers from the most significant bit on."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise EOFError("a header is cut off")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def exponential_golomb(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:  # noqa: PLR2004 - no number of HEVC is longer
                raise ValueError("a number is too long")
        return (1 << zeros) - 1 + self.take(zeros)


def av1_size(data: memoryview) -> tuple[int, int] | None:
    """The greatest width and height of a frame that a sequence header allows; None where there is no such header.

    AV1 bitstream specification, 5.3 and 5.5.
    """
    found = [_av1_sequence(payload) for kind, payload in _open_bitstream_units(data) if kind == _SEQUENCE_HEADER]
    return max(found, key=lambda size: size[0] * size[1], default=None)


def _open_bitstream_units(data: memoryview) -> Iterator[tuple[int, bytes]]:
    position = 0
    for _ in range(_MAX_UNITS):
        if position >= len(data):
            return
        head = data[position]
        position += 2 if head & 4 else 1
        size = len(data) - position
        if head & 2:
            size = shift = 0
            while True:
                byte = data[position] if position < len(data) else 0
                size |= (byte & 127) << shift
                position, shift = position + 1, shift + 7
                if not byte & 128 or shift > 56:  # noqa: PLR2004 - leb128 of at most 8 bytes
                    break
        yield head >> 3 & 15, bytes(data[position : position + min(size, 256)])
        position += size


def _av1_sequence(payload: bytes) -> tuple[int, int]:
    bits = _Bits(payload)
    bits.take(3)  # profile
    bits.take(1)  # still picture
    if bits.take(1):  # reduced header
        bits.take(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _skip_operating_points(bits: _Bits) -> None:
    model = 0
    if bits.take(1):  # timing info
        bits.take(64)
        if bits.take(1):
            bits.exponential_golomb()
        if bits.take(1):  # decoder model
            model = bits.take(5) + 1
            bits.take(32 + 5 + 5)
    delays = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:  # noqa: PLR2004 - levels above 3.3 have a tier
            bits.take(1)
        if model and bits.take(1):
            bits.take(2 * model + 1)
        if delays and bits.take(1):
            bits.take(4)


def hevc_sizes(record: bytes) -> Iterator[tuple[int, int]]:
    """Width and height in each sequence parameter set of an `hvcC` record (ISO/IEC 14496-15, 8.3.3)."""
    position = 23
    for _ in range(record[22] if len(record) > 22 else 0):  # noqa: PLR2004 - the record's fixed part
        (count,) = struct.unpack_from(">H", record, position + 1)
        kind, position = record[position] & 63, position + 3
        for _ in range(min(count, _MAX_UNITS)):
            (length,) = struct.unpack_from(">H", record, position)
            if kind == _HEVC_SEQUENCE_PARAMETERS:
                yield _hevc_sequence(record[position + 4 : position + 2 + length])
            position += 2 + length


def _hevc_sequence(payload: bytes) -> tuple[int, int]:
    """ITU-T H.265, 7.3.2.2."""
    bits = _Bits(payload.replace(b"\0\0\3", b"\0\0")[:256])
    bits.take(4)
    layers = bits.take(3)
    bits.take(1 + 88 + 8)  # profile and level
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for profile, level in present:
        bits.take(88 * profile + 8 * level)
    bits.exponential_golomb()
    if bits.exponential_golomb() == 3:  # noqa: PLR2004 - 4:4:4
        bits.take(1)
    return bits.exponential_golomb(), bits.exponential_golomb()
