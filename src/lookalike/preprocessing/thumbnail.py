"""Small copies for pages and contact sheets."""

import io

from PIL import Image

from lookalike.preprocessing.decode import OpenedImage
from lookalike.preprocessing.limits import Limits

THUMBNAIL_MEDIA_TYPE = "image/jpeg"
_QUALITY = 82
_MARGIN = 2
"""A JPEG is decoded at no less than this many times the size wanted: its own scaling is coarser than the filter's."""


def thumbnail(content: bytes, *, size: int, name: str, limits: Limits = Limits()) -> bytes:
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
    longer, shorter = max(opened.width, opened.height), min(opened.width, opened.height)
    scale = min(size / longer, 1.0)
    image = opened.rgb(max(round(_MARGIN * scale * shorter), 1))
    target = (max(round(opened.width * scale), 1), max(round(opened.height * scale), 1))
    small = image if image.size == target else image.resize(target, Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    Image.frombytes("RGB", small.size, small.tobytes()).save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()
