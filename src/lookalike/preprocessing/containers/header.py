"""One reader for each container format."""

from collections.abc import Callable

from lookalike.preprocessing.containers.bmp import read_bmp
from lookalike.preprocessing.containers.gif import read_gif
from lookalike.preprocessing.containers.isobmff import read_isobmff
from lookalike.preprocessing.containers.jpeg import read_jpeg
from lookalike.preprocessing.containers.png import read_png
from lookalike.preprocessing.containers.raw import read_raw
from lookalike.preprocessing.containers.record import Header
from lookalike.preprocessing.containers.tiff import read_tiff
from lookalike.preprocessing.containers.webp import read_webp

__all__ = ["Header", "read_header"]

_READERS: dict[str, Callable[[bytes], Header]] = {
    "image/jpeg": read_jpeg,
    "image/png": read_png,
    "image/webp": read_webp,
    "image/gif": read_gif,
    "image/bmp": read_bmp,
    "image/tiff": read_tiff,
    "image/avif": read_isobmff,
    "image/heic": read_isobmff,
    "image/x-raw": read_raw,
}


def read_header(content: bytes, media_type: str) -> Header:
    """What the container says of the picture, read with bounds on work and memory.

    Args:
        content: the file.
        media_type: as `sniff` told it.

    Raises:
        EOFError, IndexError, OverflowError, struct.error: the file ends inside its header.
        NotRead: the file is good, and of a kind that is not read.
        ValueError: the header contradicts itself.
    """
    return _READERS[media_type](content)
