"""BMP: one fixed header, in two generations."""

import struct

from lookalike.preprocessing.containers.record import Header

_OS2_HEADER_LENGTH = 12


def read_bmp(content: bytes) -> Header:
    """Size; a negative height means that rows are stored from the top."""
    (header_length,) = struct.unpack_from("<I", content, 14)
    width, height = struct.unpack_from("<HH" if header_length == _OS2_HEADER_LENGTH else "<ii", content, 18)
    return Header(width=width, height=abs(height), content=content)
