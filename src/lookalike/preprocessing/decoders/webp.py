"""Large WebP by libvips, which has libwebp scale while it decodes; Pillow's decoder takes 16 bytes a pixel."""

from collections.abc import Iterator
from typing import Any

import pyvips
from PIL import Image

from lookalike.preprocessing.containers import Header
from lookalike.preprocessing.decoders.scale import SLACK_BYTES, Canvas, Wanted, by_need, to_fit

PILLOW_PIXELS = 5_000_000
"""Up to which Pillow's decoder finds room."""

_STRIP_PIXELS = 1_000_000
_HELD_BYTES = 8
"""Of a pixel that is given: in libvips's picture and in ours."""
_LOSSLESS_BYTES = 4
"""Of a pixel that is coded without loss, or has alpha: they are all unpacked, at whatever scale."""
_MODES = {3: "RGB", 4: "RGBA"}


class LargeWebpDecoder:
    """Decodes the first picture at the scale that is needed or finds room.

    Args:
        header: whose content is decoded.
    """

    exif = b""

    def __init__(self, header: Header) -> None:
        self._content = header.content
        self._lossless = header.held_bytes > 0
        self.size = (header.width, header.height)

    def load(self, wanted: Wanted) -> Image.Image:
        """The pixels; see `Decoder`.

        Raises:
            OSError: damaged.
        """
        try:
            return self._load(wanted)
        except pyvips.Error as error:
            raise OSError(str(error.detail).strip().splitlines()[-1]) from error

    def _load(self, wanted: Wanted) -> Image.Image:
        pixels = self.size[0] * self.size[1]
        room = (4 - _LOSSLESS_BYTES * self._lossless) * pixels + SLACK_BYTES
        least = to_fit(pixels, min(wanted.most_pixels, room // (_HELD_BYTES + 4 * wanted.turned)))
        factor = max(least, by_need(self.size, wanted))
        image: Any = pyvips.Image.new_from_buffer(
            self._content, "", access="sequential", fail_on="error", scale=1 / factor
        )
        canvas = Canvas((image.width, image.height), 1)
        for top, strip in _strips(image):
            canvas.put(strip, 0, top)
        return canvas.finished()


def _strips(image: Any) -> Iterator[tuple[int, Image.Image]]:
    rows = max(_STRIP_PIXELS // image.width, 1)
    for top in range(0, image.height, rows):
        part = image.crop(0, top, image.width, min(rows, image.height - top))
        yield top, Image.frombytes(_MODES[part.bands], (part.width, part.height), part.write_to_memory())
