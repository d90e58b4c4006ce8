"""What a picture looks like in 11 bytes: its mean colour and its difference hash."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.types import Pixels

_COLUMNS, _ROWS = 9, 8
_REDUCED = 64
"""The shorter side, pixels, down to which a picture is averaged in whole blocks before anything else."""
_LUMA = np.array([299, 587, 114], np.int32)
"""ITU-R BT.601 weights, in thousandths."""
_ALL_BITS = 2**64 - 1


def mean_colour(pixels: Pixels) -> str:
    """The mean of all pixels, `#rrggbb`; blocks cut by an edge of a large picture count as whole ones.

    Args:
        pixels: [height, width, 3] uint8, upright RGB.
    """
    return appearance(Image.fromarray(pixels))[0]


def difference_hash(pixels: Pixels) -> int:
    """The 64-bit difference hash (dHash; N. Krawetz, "Kind of Like That", 2013), unsigned.

    The picture is averaged into 9 x 8 cells; each bit, row by row and most significant first, tells whether a cell is
    darker than its right neighbour. Hashes of the same picture at other sizes, qualities and formats differ in few
    bits; compare them with `hamming`. A flat picture, and any without horizontal differences, hashes to 0: two zeros
    say nothing of likeness.

    Args:
        pixels: [height, width, 3] uint8, upright RGB.
    """
    return appearance(Image.fromarray(pixels))[1]


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
    factor = min(image.size) // _REDUCED
    small = image.reduce(factor) if factor > 1 else image
    red, green, blue = np.asarray(small.resize((1, 1), Image.Resampling.BOX)).ravel()
    cells = np.asarray(small.resize((_COLUMNS, _ROWS), Image.Resampling.BOX))
    return f"#{red:02x}{green:02x}{blue:02x}", _hash(cells)


def _hash(cells: NDArray[np.uint8]) -> int:
    luma = cells @ _LUMA
    return int.from_bytes(np.packbits(luma[:, :-1] < luma[:, 1:]).tobytes(), "big")
