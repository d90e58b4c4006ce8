"""Compact descriptions of a picture, 107 bytes in all: mean colour, difference hash and colour signature."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.columns import ImageRow, image_row
from lookalike.types import Pixels

_HASH_CELLS = (9, 8)
_LUMA_CELLS, _CHROMA_CELLS = (8, 8), (4, 4)
_REDUCED = 64
"""The shorter side, pixels, down to which a picture is averaged in whole blocks before anything else."""
_LUMA = np.array([299, 587, 114], np.int32)
"""ITU-R BT.601 weights, in thousandths."""
_ALL_BITS = 2**64 - 1


def mean_colour(pixels: Pixels) -> str:
    """The mean of all pixels, `#rrggbb`.

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
    return int(appearance(Image.fromarray(pixels))[1]["difference_hash"])


def hamming(first: int, second: int) -> int:
    """In how many of 64 bits two difference hashes differ.

    Raises:
        ValueError: a hash is no unsigned 64-bit number.
    """
    if not (0 <= first <= _ALL_BITS and 0 <= second <= _ALL_BITS):
        raise ValueError(f"difference hashes are unsigned 64-bit numbers, not {first} and {second}")
    return (first ^ second).bit_count()


def colour_signature(pixels: Pixels) -> NDArray[np.uint8]:
    """Mean Y of 8 x 8 cells, then mean Cb and Cr of 4 x 4 (ITU-R BT.601, full range), row by row, [96] uint8.

    A copy in another size, quality or format differs by a few levels in each number; another colour in a sixteenth of
    the picture, or something else in a sixty-fourth, by more.

    Args:
        pixels: [height, width, 3] uint8, upright RGB.
    """
    signature: NDArray[np.uint8] = appearance(Image.fromarray(pixels))[1]["colour_signature"]
    return signature


def appearance(image: Image.Image) -> tuple[str, ImageRow]:
    """Mean colour, and difference hash with colour signature, of an RGB image, from one pass over it."""
    factor = max(min(image.size) // _REDUCED, 1)
    small = image.reduce(factor) if factor > 1 else image
    extent = (0, 0, image.width / factor, image.height / factor)  # blocks at the edges may be cut: only so far
    red, green, blue = np.asarray(small.resize((1, 1), Image.Resampling.BOX, box=extent)).ravel()
    cells = np.asarray(small.resize(_HASH_CELLS, Image.Resampling.BOX, box=extent))
    luma, chroma = (
        np.asarray(small.resize(size, Image.Resampling.BOX, box=extent).convert("YCbCr"))
        for size in (_LUMA_CELLS, _CHROMA_CELLS)
    )
    signature = np.concatenate([luma[..., 0].ravel(), chroma[..., 1:].ravel()])
    row = image_row(difference_hash=_hash(cells), colour_signature=signature)
    return f"#{red:02x}{green:02x}{blue:02x}", row


def _hash(cells: NDArray[np.uint8]) -> int:
    luma = cells @ _LUMA
    return int.from_bytes(np.packbits(luma[:, :-1] < luma[:, 1:]).tobytes(), "big")
