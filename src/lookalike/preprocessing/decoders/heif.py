"""HEIC by libheif, whose buffer is read in strips: the picture is never in memory twice."""

import io
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pillow_heif import HeifFile

from lookalike.preprocessing.containers import Header
from lookalike.preprocessing.decoders.scale import MOST_COPIED, SLACK_BYTES, Canvas, Wanted, by_need, to_fit

_STRIP_PIXELS = 250_000


class HeifDecoder:
    """Decodes the primary picture.

    Args:
        header: whose content is decoded.
    """

    exif = b""

    def __init__(self, header: Header) -> None:
        opened = HeifFile(io.BytesIO(header.content), convert_hdr_to_8bit=True, hdr_to_16bit=True, remove_stride=False)
        self._image = opened[opened.primary_index]
        self.size = self._image.size

    def load(self, wanted: Wanted) -> Image.Image:
        """The pixels; see `Decoder`."""
        stored = np.asarray(self._image)  # decodes; shares the memory
        width, height = self._image.size  # may have changed by decoding; rows may be stored longer
        canvas = Canvas((width, height), self._factor(width * height, stored, wanted))
        for top, strip in _strips(stored[:height, :width], self._image.mode):
            canvas.put(strip, 0, top)
        return canvas.finished()

    def _factor(self, pixels: int, stored: NDArray[np.generic], wanted: Wanted) -> int:
        if pixels <= MOST_COPIED:
            return 1
        room = 4 * pixels + SLACK_BYTES - stored.nbytes
        return max(by_need(self.size, wanted), to_fit(pixels, min(room // (8 if wanted.turned else 4), MOST_COPIED)))


def _strips(stored: NDArray[np.generic], mode: str) -> Iterator[tuple[int, Image.Image]]:
    height, width = stored.shape[:2]
    rows = max(_STRIP_PIXELS // width, 1)
    for top in range(0, height, rows):
        part = np.ascontiguousarray(stored[top : top + rows])
        yield top, Image.frombytes(mode, (width, len(part)), part.tobytes())
