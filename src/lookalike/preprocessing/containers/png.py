"""PNG: chunks."""

import struct
from collections.abc import Iterator

from lookalike.preprocessing.containers.colour_tags import tags_of_png
from lookalike.preprocessing.containers.exif import orientation_of
from lookalike.preprocessing.containers.record import Header

_SIGNATURE_LENGTH = 8
_FRAMING = 12
"""Bytes of a chunk beside its payload: length, kind, checksum."""
_OF_COLOUR = {b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cLLI"}
_NEEDED = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_MAX_CHUNKS = 100_000
_GREY_OR_COLOUR = {0, 2}


def read_png(content: bytes) -> Header:
    """Size from IHDR, orientation from eXIf; content with only the chunks that make the first picture.

    Text and profile chunks may inflate to gigabytes; animation chunks follow the default picture, which is kept.
    """
    width, height, bits, colour_type = struct.unpack_from(">IIBB", content, _SIGNATURE_LENGTH + 8)
    orientation = 1
    kept = [content[:_SIGNATURE_LENGTH]]
    end = _SIGNATURE_LENGTH
    untouched = True
    of_colour: dict[bytes, bytes] = {}
    for kind, start, end in _chunks(content):
        if kind == b"eXIf":
            orientation = orientation_of(content[start + 8 : end - 4])
        elif kind in _OF_COLOUR:
            of_colour.setdefault(kind, content[start + 8 : end - 4])
        # Pillow compares tRNS samples of these depths with samples it has already scaled to 8 bits.
        mistaken = kind == b"tRNS" and _is_mistaken(bits, colour_type)
        if kind in _NEEDED and not mistaken:
            kept.append(content[start:end])
        else:
            untouched = False
    return Header(
        width=width,
        height=height,
        content=content if untouched and end == len(content) else b"".join(kept),
        orientation=orientation,
        whole=end <= len(content),
        colour=tags_of_png(of_colour),
    )


def _is_mistaken(bits: int, colour_type: int) -> bool:
    return colour_type in _GREY_OR_COLOUR and (bits in {2, 4} or (bits == 16 and colour_type != 0))  # noqa: PLR2004


def _chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of each chunk to IEND; the last `end` is past the file where it is cut off."""
    position = _SIGNATURE_LENGTH
    for _ in range(_MAX_CHUNKS):
        if position + 8 > len(content):
            yield b"", position, len(content) + 1
            return
        length, kind = struct.unpack_from(">I4s", content, position)
        end = position + _FRAMING + length
        yield kind, position, end
        if kind == b"IEND" or end > len(content):
            return
        position = end
    raise ValueError(f"more than {_MAX_CHUNKS} chunks")
