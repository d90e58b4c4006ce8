"""Generated pictures that belong to no library; their cosines show what similarity occurs by chance."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lookalike.embedding.encoder import Encoder
from lookalike.preprocessing import transform
from lookalike.types import Pixels, Vectors

_EACH = 16
_SIDE = 256
_GOLDEN_SIDE = 96
_GOLDEN = (2, 3, 7, 11, 15, 19, 23, 27)  # a gradient and shapes, which take little space


def stranger_pictures() -> Iterator[Pixels]:
    """64 pictures, always the same: flat colours, noise from fine to coarse, gradients, shapes."""
    for number in range(_EACH):
        rng = np.random.default_rng(number)
        yield np.full((_SIDE, _SIDE, 3), rng.integers(0, 256, 3), np.uint8)
        yield _noise(rng, grain=2 ** (number % 7), grey=number % 4 == 0)
        yield _enlarged(rng.integers(0, 256, (2, 2, 3), dtype=np.uint8), Image.Resampling.BICUBIC)
        yield _shapes(rng)


def golden_pictures() -> NDArray[np.uint8]:
    """Eight of them, made small, [8, 96, 96, 3]: for golden vectors where no photos are at hand."""
    made = [Image.fromarray(pixels) for pixels in stranger_pictures()]
    return np.stack([np.asarray(made[number].resize((_GOLDEN_SIDE, _GOLDEN_SIDE))) for number in _GOLDEN])


def stranger_vectors(encoder: Encoder) -> Vectors:
    """[64, dimension] float32 unit rows: a model's vectors of `stranger_pictures`."""
    rows = [transform(pixels, encoder.preprocessing) for pixels in stranger_pictures()]
    return np.concatenate([encoder.encode(row[None]) for row in rows])


def _noise(rng: np.random.Generator, *, grain: int, grey: bool) -> Pixels:
    cells = rng.integers(0, 256, (_SIDE // grain, _SIDE // grain, 1 if grey else 3), dtype=np.uint8)
    return _enlarged(np.broadcast_to(cells, (*cells.shape[:2], 3)), Image.Resampling.NEAREST)


def _enlarged(cells: Pixels, resampling: Image.Resampling) -> Pixels:
    return np.array(Image.fromarray(np.ascontiguousarray(cells)).resize((_SIDE, _SIDE), resampling))


def _shapes(rng: np.random.Generator) -> Pixels:
    image = Image.fromarray(_enlarged(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8), Image.Resampling.BICUBIC))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(3, 12))):
        left, top = (int(edge) for edge in rng.integers(0, _SIDE - 20, 2))
        right, bottom = left + int(rng.integers(15, _SIDE // 2)), top + int(rng.integers(15, _SIDE // 2))
        kind = draw.ellipse if rng.integers(2) else draw.rectangle
        kind((left, top, right, bottom), fill=tuple(int(value) for value in rng.integers(0, 256, 3)))
    return np.array(image)
