"""The contents of a file header."""

from dataclasses import dataclass

from lookalike.preprocessing.containers.colour_tags import UNTAGGED, ColourTags
from lookalike.preprocessing.containers.tiff_picture import TiffPicture


class NotRead(Exception):
    """A picture that is whole, of a kind that is not read; the message says which part of it is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The properties of a picture that are known before it is decoded.

    Attributes:
        width: as stored, pixels, before any turning; 0 with `height` 0 where only the decoder can tell.
        height: as stored, pixels.
        content: what the decoder is given: the file, without the metadata that is of no use to it. EXIF, XMP, text
            and colour profiles are where decoders are attacked and where they print warnings.
        orientation: EXIF's 1 to 8; None where the decoder applies or tells it.
        colour: what the file says of its colours.
        covered: left, top, right and bottom of the part of the screen that the first frame of a GIF covers, pixels;
            None where that is all of it.
        whole: False where the container's own lengths reach past the end of the file, or its end marker is missing.
        complete: False where the container itself shows that a part of the picture is not in the file.
        coding: media type of `content` where that is not the file's own: a camera raw file holds a JPEG.
        tiff: where the pieces of a TIFF's picture are.
        held_bytes: what the decoder must hold of the whole picture beside the pixels it gives, such as the coefficients
            of a progressive JPEG.
    """

    width: int
    height: int
    content: bytes
    orientation: int | None = 1
    whole: bool = True
    complete: bool = True
    coding: str = ""
    tiff: TiffPicture | None = None
    held_bytes: int = 0
    colour: ColourTags = UNTAGGED
    covered: tuple[int, int, int, int] | None = None
