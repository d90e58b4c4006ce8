"""TIFF: the largest full picture of the file."""

import struct

from lookalike.preprocessing.containers.colour_tags import MAX_PROFILE_BYTES, UNTAGGED, ColourTags
from lookalike.preprocessing.containers.exif import ORIENTATION
from lookalike.preprocessing.containers.jpeg import read_jpeg
from lookalike.preprocessing.containers.record import Header, NotRead
from lookalike.preprocessing.containers.tiff_directory import COMPRESSION, Directory, directories
from lookalike.preprocessing.containers.tiff_picture import SAMPLE_FORMAT, read_picture

JPEG_START, JPEG_LENGTH = 513, 514
_PROFILE = 34_675
_OLD_JPEG = 6
_FLOAT = 3
_LONG = 32


def read_tiff(content: bytes) -> Header:
    """Size and orientation of the largest picture that is no reduced copy of another; of the first where all are."""
    every = directories(content)
    full = [directory for directory in every if directory.pixels and not directory.is_reduced] or every[:1]
    return read_directory(max(full, key=lambda directory: directory.pixels))


def read_directory(directory: Directory) -> Header:
    """The header of one picture of the file.

    Raises:
        NotRead: its compression is not read.
    """
    if directory.one(COMPRESSION) == _OLD_JPEG:
        return _old_jpeg(directory)
    picture = read_picture(directory)
    return Header(
        width=picture.width,
        height=picture.height,
        content=directory.content,
        orientation=orientation_of_directory(directory),
        colour=_colour(directory, max(picture.bits)),
        whole=picture.whole,
        tiff=picture,
    )


def orientation_of_directory(directory: Directory) -> int:
    """1 to 8."""
    orientation = directory.one(ORIENTATION, 1)
    return orientation if 1 <= orientation <= 8 else 1  # noqa: PLR2004 - EXIF's range


def _old_jpeg(directory: Directory) -> Header:
    """Compression 6, of TIFF 6.0, which no two writers agreed on; most put one whole JPEG there."""
    start = directory.one(JPEG_START)
    if not directory.content.startswith(b"\xff\xd8\xff", start):
        raise NotRead("a TIFF with old-style JPEG compression (6)")
    length = directory.one(JPEG_LENGTH) or len(directory.content)
    header = read_jpeg(directory.content[start : start + length])
    return Header(
        width=header.width,
        height=header.height,
        content=header.content,
        orientation=orientation_of_directory(directory),
        colour=header.colour,
        whole=header.whole,
        complete=header.complete,
        coding="image/jpeg",
        held_bytes=header.held_bytes,
    )


def _colour(directory: Directory, bits: int) -> ColourTags:
    """The ICC profile; none where samples are measurements, not levels."""
    if not 0 < directory.count(_PROFILE) <= MAX_PROFILE_BYTES:
        return UNTAGGED
    if directory.one(SAMPLE_FORMAT, 1) == _FLOAT or bits >= _LONG:
        return UNTAGGED
    try:
        return ColourTags(profile=directory.raw(_PROFILE))
    except (EOFError, struct.error):
        return UNTAGGED
