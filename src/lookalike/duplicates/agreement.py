"""Whether the pixels of two pictures agree once one is laid over the other."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lookalike.keypoints import Alignment, scaled
from lookalike.types import Mask, Pixels

SIDE = 128
"""The longer side, pixels, at which pictures are compared."""

_BLUR = 2  # pixels each way: what a map is off by, and details that copies lose, must not count
_CELLS = 8  # each way, whose colours are compared
_MOST, _NEARLY_ALL = 0.9, 0.97  # shares of the cells: under a mark, some have other colours
_RIM = _BLUR + 1  # pixels at a picture's edges into which a border around its copy was blurred


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How well two pictures agree where they overlap.

    Attributes:
        luma: correlation of their brightness, -1 to 1.
        contrast: standard deviation of the brightness of the one with less, levels of 255.
        colour: distance of the mean colours of a cell, levels of 255, that most cells stay below.
        odd_colour: the distance that nearly all of them stay below.
        share: of the smaller picture that overlaps, 0 to 1.
    """

    luma: float
    contrast: float
    colour: float
    odd_colour: float
    share: float

    @property
    def difference(self) -> float:
        """Standard deviation of what brightness differs by where both have the same contrast, levels of 255.

        Another shot of a scene correlates as well as a copy of it where the scene has much contrast; this tells them
        apart.
        """
        return self.contrast * math.sqrt(max(1 - self.luma**2, 0))


NOTHING = Agreement(luma=0, contrast=0, colour=255, odd_colour=255, share=0)
"""Of pictures that do not overlap."""


def small(pixels: Pixels) -> NDArray[np.float32]:
    """[height, width, 3] of Y, Cb and Cr, the longer side being `SIDE` pixels."""
    reduced = scaled(Image.fromarray(pixels), SIDE, Image.Resampling.BOX).filter(ImageFilter.BoxBlur(_BLUR))
    return np.asarray(reduced.convert("YCbCr"), np.float32)


def agreement(
    one: NDArray[np.float32], other: NDArray[np.float32], alignment: Alignment, *, step: int = 1
) -> Agreement:
    """Compare two pictures, as `small` gives them, under a map from the one into the other.

    Args:
        one: a picture.
        other: another.
        alignment: the map.
        step: compare only each so many-th pixel of each so many-th row: roughly the same, and quicker.
    """
    grid = _grid(*one.shape[:2], step)
    there = alignment.matrix[:, :2] @ grid.places + SIDE * alignment.matrix[:, 2:]
    x, y = np.floor(there).astype(np.intp)
    inside = _within(x, y, other, rim=0)
    compared = grid.inner & _within(x, y, other, rim=_RIM)
    if np.count_nonzero(compared) * step**2 < SIDE:
        return NOTHING
    ours, theirs = one[grid.rows[compared], grid.columns[compared]], other[y[compared], x[compared]]
    spreads = ours[:, 0].std(), theirs[:, 0].std()
    both = np.mean((ours[:, 0] - ours[:, 0].mean()) * (theirs[:, 0] - theirs[:, 0].mean()))
    covered = np.zeros(other.shape[:2], np.bool_)
    covered[y[inside], x[inside]] = True
    colour, odd_colour = _colour_distances(ours[:, 1:], theirs[:, 1:], grid.cells[compared])
    return Agreement(
        luma=float(both / max(spreads[0] * spreads[1], 1e-6)),
        contrast=float(min(spreads)),
        colour=colour,
        odd_colour=odd_colour,
        share=max(float(inside.mean()), float(covered.mean()) * step**2),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """The pixels of a picture, row by row, or some of them.

    Attributes:
        rows: [pixels], their places from the top.
        columns: [pixels], their places from the left.
        places: [2, pixels], x and y of their middles, in pixels.
        inner: [pixels], which of them are not in the picture's rim.
        cells: [pixels], which cell each lies in.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    places: NDArray[np.float64]
    inner: Mask
    cells: NDArray[np.intp]


@lru_cache(maxsize=200)
def _grid(height: int, width: int, step: int) -> _Grid:
    rows, columns = (axis[step // 2 :: step, step // 2 :: step].ravel() for axis in np.indices((height, width)))
    inner = (rows >= _RIM) & (rows < height - _RIM) & (columns >= _RIM) & (columns < width - _RIM)
    cells = rows * _CELLS // height * _CELLS + columns * _CELLS // width
    places = np.stack([columns + 0.5, rows + 0.5])
    return _Grid(rows=rows, columns=columns, places=places, inner=inner, cells=cells)


def _colour_distances(
    ours: NDArray[np.float32], theirs: NDArray[np.float32], cells: NDArray[np.intp]
) -> tuple[float, float]:
    """Distances of mean colours, below which those of most cells, and of nearly all cells, stay.

    Most of a product photo is its background, so that a median says nothing of the product's colour.

    Args:
        ours: [pixels, 2], Cb and Cr.
        theirs: likewise.
        cells: [pixels], which cell each lies in.
    """
    sizes = np.bincount(cells, minlength=_CELLS * _CELLS)
    large = sizes >= sizes.max() / 2
    apart = ours - theirs
    means = [np.bincount(cells, apart[:, part], minlength=len(sizes))[large] / sizes[large] for part in (0, 1)]
    most, nearly_all = np.quantile(np.hypot(*means), [_MOST, _NEARLY_ALL], method="lower")
    return float(most), float(nearly_all)


def _within(x: NDArray[np.intp], y: NDArray[np.intp], picture: NDArray[np.float32], *, rim: int) -> Mask:
    """[places], which of the places lie in a picture, and not in its rim."""
    height, width = picture.shape[:2]
    within: Mask = (x >= rim) & (y >= rim) & (x < width - rim) & (y < height - rim)
    return within
