"""Small copies for pages and contact sheets."""

import io

from PIL import Image

from lookalike.preprocessing.decode import WHOLE, OpenedImage, side_for
from lookalike.preprocessing.limits import DEFAULT_LIMITS, Limits

THUMBNAIL_MEDIA_TYPE = "image/jpeg"
_QUALITY = 82


def thumbnail(content: bytes, *, size: int, name: str, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """A JPEG whose longer side is `size` pixels, or the image's own where that is less: never enlarged.

    Upright, RGB on white, the first frame, without any metadata.

    Args:
        content: the file.
        size: of the longer side, pixels.
        name: what the caller calls the image, for messages.
        limits: tested before decoding.

    Raises:
        ImageRefused: the bytes are not an acceptable image.
        ValueError: `size` is below 1.
    """
    if size < 1:
        raise ValueError(f"size is {size}; it must be at least 1 pixel")
    opened = OpenedImage(content, name=name, limits=limits)
    scale = min(size / max(opened.width, opened.height), 1.0)
    target = (max(round(opened.width * scale), 1), max(round(opened.height * scale), 1))
    image = opened.rgb(side_for(opened.width, opened.height, WHOLE, min(target)))
    small = image if image.size == target else image.resize(target, Image.Resampling.BICUBIC)
    small.info = {}  # the encoder copies comments from here
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()
