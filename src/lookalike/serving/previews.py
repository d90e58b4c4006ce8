"""Small upright copies of uploaded pictures, for browsers that cannot show them or would show them rotated."""

import base64
from enum import StrEnum

from lookalike.preprocessing import THUMBNAIL_MEDIA_TYPE, Limits, OpenedImage, thumbnail

_SIDE = 1024  # pixels: sharp enough to crop on, some 100 kB
_SHOWN_BY_BROWSERS = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/avif"})


class PreviewWish(StrEnum):
    """When a search answers with a preview of its picture."""

    NEVER = "never"
    IF_NEEDED = "if-needed"
    ALWAYS = "always"


def preview_url(content: bytes, wish: PreviewWish, *, name: str, limits: Limits) -> str | None:
    """The searched picture as a `data:` URL; None if it is not needed.

    Browsers need it for formats they do not show, and for files that store their pixels turned: which metadata a
    browser obeys depends on the format and on the browser.

    Raises:
        ImageRefused: the bytes are not an acceptable image.
    """
    if wish is PreviewWish.NEVER:
        return None
    if wish is PreviewWish.IF_NEEDED:
        opened = OpenedImage(content, name=name, limits=limits)
        if opened.media_type in _SHOWN_BY_BROWSERS and not opened.turned:
            return None
    small = thumbnail(content, size=_SIDE, name=name, limits=limits)
    return f"data:{THUMBNAIL_MEDIA_TYPE};base64,{base64.b64encode(small).decode('ascii')}"
