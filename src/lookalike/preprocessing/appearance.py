"""What a picture looks like in 11 bytes: its mean colour and its difference hash."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.types import Pixels

_COLUMNS, _ROWS = 9, 8
_LUMA = np.array([299, 587, 114], np.int32)
"""ITU-R BT.601 weights, in thousandths."""
_ALL_BITS = 2**64 - 1


def mean_colour(pixels: Pixels) -> str:
    """The mean of all pixels, `#rrggbb`.

    Args:
        pixels: [height, width, 3] uint8, upright RGB.
    """
    return _mean_colour(_cells(Image.fromarray(pixels)))


def difference_hash(pixels: Pixels) -> int:
    """The 64-bit difference hash (dHash; N. Krawetz, "Kind of Like That", 2013), unsigned.

    The picture is averaged into 9 x 8 cells; each bit, row by row and most significant first, tells whether a cell is
    darker than its right neighbour. Hashes of the same picture at other sizes, qualities and formats differ in few
    bits; compare them with `hamming`. A flat picture, and any without horizontal differences, hashes to 0: two zeros
    say nothing of likeness.

    Args:
        pixels: [height, width, 3] uint8, upright RGB.
    """
    return _difference_hash(_cells(Image.fromarray(pixels)))


def hamming(first: int, second: int) -> int:
    """In how many of 64 bits two difference hashes differ.

    Raises:
        ValueError: a hash is no unsigned 64-bit number.
    """
    if not (0 <= first <= _ALL_BITS and 0 <= second <= _ALL_BITS):
        raise ValueError(f"difference hashes are unsigned 64-bit numbers, not {first} and {second}")
    return (first ^ second).bit_count()


def appearance(image: Image.Image) -> tuple[str, int]:
    """Mean colour and difference hash of an RGB image, from one pass over it."""
    cells = _cells(image)
    return _mean_colour(cells), _difference_hash(cells)


def _cells(image: Image.Image) -> NDArray[np.uint8]:
    """[8, 9, 3]: the means of equal cells; their mean is the picture's mean to within half a level."""
    return np.asarray(image.resize((_COLUMNS, _ROWS), Image.Resampling.BOX))


def _mean_colour(cells: NDArray[np.uint8]) -> str:
    red, green, blue = np.rint(cells.mean(axis=(0, 1))).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _difference_hash(cells: NDArray[np.uint8]) -> int:
    luma = cells @ _LUMA
    return int.from_bytes(np.packbits(luma[:, :-1] < luma[:, 1:]).tobytes(), "big")
