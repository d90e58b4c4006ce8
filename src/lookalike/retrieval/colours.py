"""Which images show a colour, by their colour signatures."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from lookalike.types import Mask

CELLS = 3
"""Of the sixteen cells of an image, how many must have the colour."""

_LUMA, _SIDE = 64, 4
_BLOCK = 65_536  # signatures at a time: 50 MB


def show_colour(signatures: NDArray[np.uint8], colour: str, distance: int) -> Mask:
    """Which images have a colour, or one near it, in at least three of their 4 x 4 cells.

    Args:
        signatures: [n, 96] uint8, see `preprocessing.colour_signature`; all zero where the colours are not known,
            which show none.
        colour: `#rrggbb`.
        distance: greatest Euclidean distance in YCbCr (ITU-R BT.601, full range), differences of luma counting half:
            shades of one colour are nearer than other hues.

    Returns:
        [n] bool.
    """
    pixel = Image.new("RGB", (1, 1), ImageColor.getrgb(colour)).convert("YCbCr")
    asked = np.asarray(pixel, np.float32).reshape(3)
    shown = np.zeros(len(signatures), bool)
    for start in range(0, len(signatures), _BLOCK):
        block = np.asarray(signatures[start : start + _BLOCK])
        cells = _cells(block)
        apart = (cells - asked) * np.array([0.5, 1, 1], np.float32)
        near = np.count_nonzero((apart * apart).sum(axis=2) <= distance * distance, axis=1)
        shown[start : start + _BLOCK] = (near >= CELLS) & block.any(axis=1)
    return shown


def _cells(signatures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """[n, 16, 3] Y, Cb and Cr of the cells of images, from [n, 96] signatures."""
    luma = signatures[:, :_LUMA].reshape(-1, _SIDE, 2, _SIDE, 2).astype(np.float32).mean(axis=(2, 4))
    chroma = signatures[:, _LUMA:].reshape(-1, _SIDE * _SIDE, 2).astype(np.float32)
    return np.concatenate([luma.reshape(-1, _SIDE * _SIDE, 1), chroma], axis=2)
