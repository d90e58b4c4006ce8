"""WebP: chunks of a RIFF file, up to the first picture and the metadata after it."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from lookalike.preprocessing.containers.colour_tags import tags_of_webp
from lookalike.preprocessing.containers.exif import orientation_of
from lookalike.preprocessing.containers.record import Header

_RIFF_HEADER = 8
_FIRST_CHUNK = 12
_FOURTEEN_BITS = 0x3FFF
_PICTURES = {b"VP8 ", b"VP8L", b"ANMF"}
_KEPT = {b"VP8X", b"ANIM", b"ALPH", *_PICTURES}
_METADATA_FLAGS = 0x2C
"""In VP8X: a profile, EXIF and XMP follow."""
_ALPHA_FLAG = 0x10
_FRAME_HEADER = 16
_LARGE = 5_000_000
"""Pixels from which an animation's canvas takes too much memory beside the frame on it."""
_MAX_CHUNKS = 1_000


@dataclass(frozen=True, slots=True)
class _Chunk:
    kind: bytes
    start: int
    end: int
    whole: bool


def read_webp(content: bytes) -> Header:
    """Size of the canvas and orientation; content of the first picture alone, with lengths that are right."""
    chunks = list(_chunks(content))
    picture = next((number for number, chunk in enumerate(chunks) if chunk.kind in _PICTURES), None)
    width, height = _size(content)
    if picture is None:
        return Header(width=width, height=height, content=content, whole=all(chunk.whole for chunk in chunks))
    kept = [chunk for chunk in chunks[: picture + 1] if chunk.kind in _KEPT]
    animated = chunks[picture].kind == b"ANMF" and width * height > _LARGE
    still = _still(content, chunks[picture], (width, height)) if animated else b""
    exif = next((content[chunk.start + 8 : chunk.end] for chunk in chunks if chunk.kind == b"EXIF"), b"")
    coded = _coded_size(content, chunks[picture])
    return Header(
        width=max(width, coded[0]),
        height=max(height, coded[1]),
        content=still or _file_of(content, kept),
        orientation=orientation_of(exif),
        whole=chunks[picture].whole,
        held_bytes=width * height * _held(kept, still=bool(still), animated=animated),
        colour=tags_of_webp(content),
    )


def _held(kept: list[_Chunk], *, still: bool, animated: bool) -> int:
    """Bytes of a pixel that are held at any scale: of lossless pictures and alpha, or of an animation's canvases."""
    if animated and not still:
        return 12
    unpacked = still or any(chunk.kind in {b"VP8L", b"ALPH"} for chunk in kept)
    return 4 if unpacked else 0


def _still(content: bytes, frame: _Chunk, canvas: tuple[int, int]) -> bytes:
    """The first frame as a picture of its own; empty where it does not cover the canvas."""
    at = frame.start + 8
    left_and_top, sizes = content[at : at + 6], content[at + 6 : at + 12]
    size = (int.from_bytes(sizes[:3], "little") + 1, int.from_bytes(sizes[3:], "little") + 1)
    if any(left_and_top) or size != canvas:
        return b""
    flags = bytes([_ALPHA_FLAG, 0, 0, 0])
    extended = struct.pack("<4sI", b"VP8X", len(flags) + 6) + flags + sizes
    picture = memoryview(content)[at + _FRAME_HEADER : frame.end]
    length = 4 + len(extended) + len(picture)
    return b"".join([struct.pack("<4sI4s", b"RIFF", length, b"WEBP"), extended, picture])


def _chunks(content: bytes) -> Iterator[_Chunk]:
    """To the end that the file says it has, or to its first picture, whichever is later."""
    (length,) = struct.unpack_from("<I", content, 4)
    position, seen = _FIRST_CHUNK, False
    for _ in range(_MAX_CHUNKS):
        if position + 8 > len(content) or (seen and position >= length + _RIFF_HEADER):
            return
        kind, size = struct.unpack_from("<4sI", content, position)
        end = position + 8 + size
        yield _Chunk(kind, position, min(end, len(content)), end <= len(content))
        seen |= kind in _PICTURES
        position = end + size % 2


def _file_of(content: bytes, kept: list[_Chunk]) -> bytes:
    """The file itself where it has nothing else and no wrong length."""
    length = 4 + sum((chunk.end - chunk.start + 1) // 2 * 2 for chunk in kept)
    (said,) = struct.unpack_from("<I", content, 4)
    if said == length and len(content) == length + _RIFF_HEADER:
        return content
    parts: list[bytes | memoryview] = [struct.pack("<4sI4s", b"RIFF", length, b"WEBP")]
    for chunk in kept:
        payload = memoryview(content)[chunk.start + 8 : chunk.end]
        if chunk.kind == b"VP8X":
            payload = memoryview(bytes([payload[0] & ~_METADATA_FLAGS]) + payload[1:])
        parts += [struct.pack("<4sI", chunk.kind, len(payload)), payload, bytes(len(payload) % 2)]
    return b"".join(parts)


def _size(content: bytes) -> tuple[int, int]:
    kind = content[12:16]
    if kind == b"VP8X":
        low, high, last = struct.unpack_from("<IHB", content, 23)
        return (low >> 8) + 1, (high | last << 16) + 1
    size = _stored_size(content, _FIRST_CHUNK)
    if size == (0, 0):
        raise ValueError("no picture chunk")
    return size


def _coded_size(content: bytes, chunk: _Chunk) -> tuple[int, int]:
    """Of the picture itself, which may be another than that of its canvas."""
    if chunk.kind != b"ANMF":
        return _stored_size(content, chunk.start)
    low, high, last = struct.unpack_from("<IHB", content, chunk.start + 8 + 5)
    width, height = (low >> 8) + 1, (high | last << 16) + 1
    inner = chunk.start + 8 + 16
    if content[inner : inner + 4] == b"ALPH":
        (length,) = struct.unpack_from("<I", content, inner + 4)
        inner += 8 + length + length % 2
    stored = _stored_size(content, inner)
    return max(width, stored[0]), max(height, stored[1])


def _stored_size(content: bytes, chunk: int) -> tuple[int, int]:
    """As the bit stream of a chunk says; zeros where the chunk holds no picture."""
    kind = content[chunk : chunk + 4]
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", content, chunk + 9)
        return (bits & _FOURTEEN_BITS) + 1, (bits >> 14 & _FOURTEEN_BITS) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, chunk + 14)
        return width & _FOURTEEN_BITS, height & _FOURTEEN_BITS
    return 0, 0
