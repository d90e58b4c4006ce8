"""BMP: one fixed header, in several generations."""

import struct
from dataclasses import dataclass

from lookalike.preprocessing.containers.record import Header

RGB, RLE8, RLE4, BIT_FIELDS, ALPHA_BIT_FIELDS = 0, 1, 2, 3, 6
"""Compressions."""

_OS2_HEADER_LENGTH = 12
_WITH_ALPHA_MASK = 56
_DEFAULT_MASKS = {16: (0x7C00, 0x3E0, 0x1F), 32: (0xFF0000, 0xFF00, 0xFF)}


@dataclass(frozen=True, slots=True)
class BmpFields:
    """What a header of Windows 3 or later says.

    Attributes:
        start: of the pixels in the file.
        width: pixels.
        height: pixels; negative where rows are stored from the top.
        bits: of a pixel.
        compression: BMP's code.
        masks: of red, green, blue and, if any, alpha.
    """

    start: int
    width: int
    height: int
    bits: int
    compression: int
    masks: tuple[int, ...]


def read_bmp(content: bytes) -> Header:
    """Size; a negative height means that rows are stored from the top."""
    (header_length,) = struct.unpack_from("<I", content, 14)
    width, height = struct.unpack_from("<HH" if header_length == _OS2_HEADER_LENGTH else "<ii", content, 18)
    return Header(width=width, height=abs(height), content=content + bytes(_missing_padding(content)))


def bmp_fields(content: bytes) -> BmpFields | None:
    """The header's other fields; None of an OS/2 bitmap."""
    start, length, width, height, _, bits, compression = struct.unpack_from("<IIiiHHI", content, 10)
    if length < 40:  # noqa: PLR2004 - Windows 3
        return None
    masks: tuple[int, ...] = _DEFAULT_MASKS.get(bits, ())
    if compression in {BIT_FIELDS, ALPHA_BIT_FIELDS}:
        with_alpha = length >= _WITH_ALPHA_MASK or compression == ALPHA_BIT_FIELDS
        masks = struct.unpack_from("<4I" if with_alpha else "<3I", content, 54)
    return BmpFields(start, width, height, bits, compression, masks)


def _missing_padding(content: bytes) -> int:
    """How many bytes are missing behind the last pixel of the last row; 0 where pixels are, too, or none at all."""
    fields = bmp_fields(content) if len(content) >= 34 else None  # noqa: PLR2004 - the fields that are read
    if fields is None or fields.compression not in {RGB, BIT_FIELDS, ALPHA_BIT_FIELDS}:
        return 0
    used, stored = (fields.width * fields.bits + 7) // 8, (fields.width * fields.bits + 31) // 32 * 4
    missing = fields.start + stored * abs(fields.height) - len(content)
    return missing if 0 < missing <= stored - used else 0
