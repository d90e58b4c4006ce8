"""Whether two pictures have the same texture once one is laid over the other as exactly as possible.

Photos of a catalog are taken before one background, often of one person in one pose: they share details at the same
places, and their brightness correlates, though each shows another product. Their texture differs.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lookalike.keypoints import Alignment, scaled
from lookalike.on_demand import load
from lookalike.types import Mask, Pixels

FINE_SIDE = 192
"""The longer side, pixels, at which textures are compared."""

_MISSING = "copies that share details are compared by OpenCV: pip install 'lookalike[keypoints]'"
_BLUR = 1.6  # standard deviation, pixels of the picture that shows more
_CELLS = 12  # each way
_TEXTURE = 6.0  # standard deviation of brightness in a cell that has texture, levels of 255
_SAME = 5.0  # root mean square by which a cell's brightness may differ, levels of 255
_PLAIN_SAME = 6.0  # likewise, of pictures without texture
_LEAST_CELLS = 8  # with texture; with fewer, nothing can be said
_LEAST_PIXELS = 400
_ROUNDS, _ENOUGH = 20, 1e-4  # of the refinement, and the gain at which it ends
_ECC_FILTER = 5  # pixels

Luma = NDArray[np.float32]


def fine(pixels: Pixels) -> NDArray[np.uint8]:
    """[height, width] of brightness, the longer side being `FINE_SIDE` pixels."""
    image = Image.fromarray(pixels).convert("L")
    resampling = Image.Resampling.BOX if max(image.size) > FINE_SIDE else Image.Resampling.BICUBIC
    return np.asarray(scaled(image, FINE_SIDE, resampling))


def same_texture(one: NDArray[np.uint8], other: NDArray[np.uint8], alignment: Alignment) -> float:
    """The share of the textured cells whose brightness is the same, 0 to 1; 0 where there are hardly any.

    The map is refined first, by the enhanced correlation coefficient (Evangelidis and Psarakis 2008). One brightness
    may be added to the whole picture, and marks on a part of it leave the other cells as they are.

    Args:
        one: as `fine` gives it.
        other: likewise.
        alignment: from the one into the other, which it does not enlarge.

    Raises:
        DependencyMissing: OpenCV is not installed.
    """
    opencv = load("cv2", otherwise=_MISSING)
    scale = float(np.sqrt(abs(np.linalg.det(alignment.matrix[:, :2]))))
    blur = min(_BLUR / max(scale, 0.3), min(one.shape) / 8)
    ours = opencv.GaussianBlur(one.astype(np.float32), (0, 0), blur)
    theirs = opencv.GaussianBlur(other.astype(np.float32), (0, 0), _BLUR)
    inner = _inner(one.shape, rim=int(np.ceil(3 * blur)))
    warp = np.hstack([alignment.matrix[:, :2], FINE_SIDE * alignment.matrix[:, 2:]]).astype(np.float32)
    warp = _refined(opencv, ours, theirs, warp, inner)
    flags = opencv.INTER_LINEAR | opencv.WARP_INVERSE_MAP
    size = one.shape[::-1]
    laid_over = opencv.warpAffine(theirs, warp, size, flags=flags)
    covered = opencv.warpAffine(np.ones_like(theirs), warp, size, flags=flags) > 1 - 1e-3
    covered = opencv.erode(covered.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    compared = covered & inner
    if np.count_nonzero(compared) < _LEAST_PIXELS:
        return 0.0
    cells = _Cells.of(ours, laid_over, compared)
    return cells.same if cells.have_texture else 0.0


def looks_same(one: NDArray[np.uint8], other: NDArray[np.uint8], *, least: float) -> bool:
    """Whether two pictures of one shape are the same all over; they may differ in size, in marks and in quality.

    Plain pictures, which have no texture, must be the same in every cell.

    Args:
        one: as `fine` gives it.
        other: likewise.
        least: share of the textured cells whose brightness must be the same.
    """
    resized = Image.fromarray(other).resize(one.shape[::-1], Image.Resampling.BICUBIC)
    blur = ImageFilter.GaussianBlur(_BLUR)
    ours, theirs = (np.asarray(image.filter(blur), np.float32) for image in (Image.fromarray(one), resized))
    cells = _Cells.of(ours, theirs, np.ones(one.shape, np.bool_))
    if cells.have_texture:
        return cells.same >= least
    return bool(np.all(cells.differences[cells.compared] <= _PLAIN_SAME))


def _refined(opencv: Any, ours: Luma, theirs: Luma, warp: NDArray[np.float32], inner: Mask) -> NDArray[np.float32]:
    """[2, 3], the map at which both correlate most; the given one where none is found.

    The edges of a picture count for nothing: a border around its copy was blurred into them.
    """
    there = opencv.warpAffine(inner.astype(np.uint8) * 255, warp, theirs.shape[::-1], flags=opencv.INTER_NEAREST)
    until = (opencv.TERM_CRITERIA_EPS | opencv.TERM_CRITERIA_COUNT, _ROUNDS, _ENOUGH)
    try:
        _, found = opencv.findTransformECC(
            ours, theirs, warp.copy(), opencv.MOTION_AFFINE, until, inputMask=there, gaussFiltSize=_ECC_FILTER
        )
    except opencv.error:  # it does not converge
        return warp
    return np.asarray(found, np.float32)


def _inner(shape: tuple[int, ...], *, rim: int) -> Mask:
    inner = np.zeros(shape, np.bool_)
    inner[rim : shape[0] - rim, rim : shape[1] - rim] = True
    return inner


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """Two pictures laid over each other, cell by cell.

    Attributes:
        textured: [cells], which of those that are compared have texture in both.
        compared: [cells], of which at least half as much can be compared as of the one of which most can.
        differences: [cells], root mean square of what brightness differs by, levels of 255.
    """

    textured: Mask
    compared: Mask
    differences: NDArray[np.float64]

    @classmethod
    def of(cls, ours: Luma, theirs: Luma, compared: Mask) -> "_Cells":
        """Compare brightness, [height, width] each, where `compared`."""
        rows, columns = np.indices(ours.shape)[:, compared]
        cells = rows * _CELLS // ours.shape[0] * _CELLS + columns * _CELLS // ours.shape[1]
        one, other = ours[compared], theirs[compared]
        sizes = np.bincount(cells, minlength=_CELLS * _CELLS)

        def mean(values: Luma) -> NDArray[np.float64]:
            return np.bincount(cells, values, _CELLS * _CELLS) / np.maximum(sizes, 1)

        spreads = [np.sqrt(np.maximum(mean(values**2) - mean(values) ** 2, 0)) for values in (one, other)]
        apart = one - other
        large = sizes >= sizes.max() / 2
        return cls(
            textured=large & (np.minimum(*spreads) > _TEXTURE),
            compared=large,
            differences=np.sqrt(mean((apart - np.median(apart)) ** 2)),
        )

    @property
    def have_texture(self) -> bool:
        return bool(np.count_nonzero(self.textured) >= _LEAST_CELLS)

    @property
    def same(self) -> float:
        """The share of the textured cells whose brightness is the same."""
        return float(np.mean(self.differences[self.textured] <= _SAME))
