"""Whether the pixels of two pictures agree once one is laid over the other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lookalike.keypoints import Alignment
from lookalike.types import Pixels

SIDE = 128
"""The longer side, pixels, at which pictures are compared."""

_BLUR = 2  # pixels each way: what a map is off by, and details that copies lose, must not count


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How well two pictures agree where they overlap.

    Attributes:
        luma: correlation of their brightness, -1 to 1.
        chroma: median distance of their colours, levels of 255.
        share: of the smaller picture that overlaps, 0 to 1.
    """

    luma: float
    chroma: float
    share: float


def small(pixels: Pixels) -> NDArray[np.float32]:
    """[height, width, 3] of Y, Cb and Cr, the longer side being `SIDE` pixels."""
    image = Image.fromarray(pixels)
    scale = SIDE / max(image.size)
    width, height = (max(round(side * scale), 1) for side in image.size)
    reduced = image.resize((width, height), Image.Resampling.BOX).filter(ImageFilter.BoxBlur(_BLUR))
    return np.asarray(reduced.convert("YCbCr"), np.float32)


def agreement(one: NDArray[np.float32], other: NDArray[np.float32], alignment: Alignment) -> Agreement:
    """Compare two pictures, as `small` gives them, under a map from the one into the other."""
    rows, columns = np.indices(one.shape[:2])
    places = np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], axis=1) / SIDE
    there = (places @ alignment.matrix[:, :2].T + alignment.matrix[:, 2]) * SIDE
    x, y = np.floor(there).astype(np.intp).T
    inside = (x >= 0) & (y >= 0) & (x < other.shape[1]) & (y < other.shape[0])
    if inside.sum() < SIDE:
        return Agreement(luma=0, chroma=255, share=0)
    ours, theirs = one.reshape(-1, 3)[inside], other[y[inside], x[inside]]
    spread = ours[:, 0].std() * theirs[:, 0].std()
    luma = float(np.mean((ours[:, 0] - ours[:, 0].mean()) * (theirs[:, 0] - theirs[:, 0].mean())) / max(spread, 1e-6))
    chroma = float(np.median(np.linalg.norm(ours[:, 1:] - theirs[:, 1:], axis=1)))
    covered = len(np.unique(y[inside] * other.shape[1] + x[inside])) / (other.shape[0] * other.shape[1])
    return Agreement(luma=luma, chroma=chroma, share=max(float(inside.mean()), covered))
