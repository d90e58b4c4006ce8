"""JPEG, PNG, GIF, plain BMP, small WebP, AVIF: Pillow's decoders, called directly."""

import hashlib
import io
import math
from typing import Any

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from lookalike.preprocessing.containers import Header
from lookalike.preprocessing.containers.jpeg import END_OF_IMAGE
from lookalike.preprocessing.decoders.png import rewritten
from lookalike.preprocessing.decoders.scale import (
    MOST_COPIED,
    SLACK_BYTES,
    Canvas,
    Wanted,
    by_need,
    fitted,
    strips,
    to_fit,
)

_PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "image/jpeg": JpegImagePlugin.JpegImageFile,
    "image/png": PngImagePlugin.PngImageFile,
    "image/webp": WebPImagePlugin.WebPImageFile,
    "image/gif": GifImagePlugin.GifImageFile,
    "image/bmp": BmpImagePlugin.BmpImageFile,
    "image/avif": AvifImagePlugin.AvifImageFile,
}
"""The classes behind `Image.open(formats=...)`: no other decoder can be reached, and the warnings that `Image.open`
itself gives are not given."""

_STRIP_PIXELS = 1_000_000
_SCALES = (1, 2, 4, 8)
"""By which a JPEG can be divided while it is decoded."""
_LONGEST_BLOCK = 255
"""Bytes of a GIF's block of codes."""
_NOISE = hashlib.shake_128(b"no picture").digest(4096).replace(b"\xff", b"\0")


class PillowDecoder:
    """Decodes the whole picture at once.

    Args:
        header: what the container said; its content is what is decoded.
        media_type: of the content.
    """

    def __init__(self, header: Header, media_type: str) -> None:
        self._image: Any = _PLUGINS[media_type](io.BytesIO(header.content))
        self.size = self._image.size
        self.exif: bytes = self._image.info.get("exif") or b""

    def load(self, wanted: Wanted) -> Image.Image:
        """The pixels; see `Decoder`."""
        image, self._image = self._image, None
        image.load()
        return fitted(image, wanted)


class PngDecoder(PillowDecoder):
    """PNG whose checksums need not be right, as in browsers, as long as every row is there."""

    def __init__(self, header: Header) -> None:
        self._header = header
        super().__init__(header, "image/png")

    def load(self, wanted: Wanted) -> Image.Image:
        """The pixels; see `Decoder`."""
        try:
            return super().load(wanted)
        except (OSError, SyntaxError):
            content = rewritten(self._header.content)
            self._image = PngImagePlugin.PngImageFile(io.BytesIO(content))
            return super().load(wanted)


class GifDecoder(PillowDecoder):
    """GIF whose last bytes are missing, as long as no pixel is in them."""

    def __init__(self, header: Header) -> None:
        self._header = header
        super().__init__(header, "image/gif")

    def load(self, wanted: Wanted) -> Image.Image:
        """The pixels; see `Decoder`."""
        try:
            return super().load(wanted)
        except OSError as error:
            zeros, noise = (self._with_tail(tail) for tail in (bytes(_LONGEST_BLOCK), _NOISE[:_LONGEST_BLOCK]))
            if noise != zeros:
                raise EOFError("the file ends before its picture does") from error
            return fitted(zeros, wanted)

    def _with_tail(self, tail: bytes) -> Image.Image:
        image = GifImagePlugin.GifImageFile(io.BytesIO(self._header.content + tail + b"\0;"))
        image.load()
        return image


class JpegDecoder(PillowDecoder):
    """Decodes at 1/2, 1/4 or 1/8 of the size where less is needed or more would take too much memory."""

    def __init__(self, header: Header) -> None:
        self._header = header
        super().__init__(header, "image/jpeg")

    def load(self, wanted: Wanted) -> Image.Image:
        """The pixels; see `Decoder`.

        Raises:
            EOFError: the end marker is missing and so are rows.
        """
        if not self._header.whole and not self._has_all_rows(wanted):
            raise EOFError("the file ends before its picture does")
        image: JpegImagePlugin.JpegImageFile = self._image
        self._draft(image, self._scale(wanted))
        image.load()
        return image

    def _scale(self, wanted: Wanted) -> int:
        most = wanted.most_pixels
        held = self._header.held_bytes
        copied = wanted.turned or self._image.mode not in {"RGB", "L"}
        if copied:
            most = min(most, MOST_COPIED)
        if held:
            room = 4 * self.size[0] * self.size[1] + SLACK_BYTES - held
            most = min(most, room // (8 if copied else 4))
        needed = min(by_need(self.size, wanted), _SCALES[-1])
        fitting = [scale for scale in _SCALES if _pixels(self.size, scale) <= most]
        return max(needed, fitting[0] if fitting else _SCALES[-1])

    def _draft(self, image: JpegImagePlugin.JpegImageFile, scale: int) -> None:
        if scale > 1:
            image.draft(None, (max(self.size[0] // scale, 1), max(self.size[1] // scale, 1)))

    def _has_all_rows(self, wanted: Wanted) -> bool:
        """Whether the pixels do not depend on the bytes after the end of the file, which means that no row is missing.

        A decoder that meets the end marker too early fills up with grey and says nothing.
        """
        if not self._header.complete:
            return False
        content = self._header.content
        scale = self._scale(Wanted(shortest_side=None, most_pixels=wanted.most_pixels, turned=True))
        tails = (END_OF_IMAGE, _NOISE + END_OF_IMAGE)
        digests = {self._digest(content.removesuffix(END_OF_IMAGE) + tail, scale) for tail in tails}
        return len(digests) == 1

    def _digest(self, content: bytes, scale: int) -> bytes:
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(content))
        self._draft(image, scale)
        image.load()
        digest = hashlib.blake2b()
        for _, strip in strips(image, 1):
            digest.update(strip.tobytes())
        return digest.digest()


class AvifDecoder(PillowDecoder):
    """Takes the frame from libavif itself, and lets go of its planes before a picture is made of it."""

    def __init__(self, header: Header) -> None:
        super().__init__(header, "image/avif")

    def load(self, wanted: Wanted) -> Image.Image:
        """The pixels; see `Decoder`."""
        image, self._image = self._image, None
        mode, (width, height) = image.mode, image.size
        frame: bytes = image._decoder.get_frame(0)[0]  # noqa: SLF001 - Pillow's `load` holds all of it three times
        del image
        pixels, length = width * height, len(mode) * width
        room = 4 * pixels + SLACK_BYTES - len(frame)
        factor = max(by_need(self.size, wanted), to_fit(pixels, room // 8)) if pixels > MOST_COPIED else 1
        canvas = Canvas((width, height), factor)
        rows = max(_STRIP_PIXELS // width, 1)
        for top in range(0, height, rows):
            part = frame[top * length : (top + rows) * length]
            canvas.put(Image.frombytes(mode, (width, len(part) // length), part), 0, top)
        return canvas.finished()


def _pixels(size: tuple[int, int], scale: int) -> int:
    return math.ceil(size[0] / scale) * math.ceil(size[1] / scale)
