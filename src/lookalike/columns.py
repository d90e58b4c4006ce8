"""What is kept of each image beside its vector, declared once: the catalog, snapshots and searches carry what is here.

To add a column: declare it here, give the catalog's `images` table a column of its name and a migration, raise the
snapshots' `FORMAT_VERSION`, and fill it where images are read. Nothing between those places names it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One fact about each image.

    Attributes:
        name: of the catalog's column, and of the field in `IMAGE_ROW`.
        dtype: of its numbers.
        shape: of one image's value; () for a single number.
        default: each of its numbers where the fact is not known, as in records of older versions.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    default: int = 0

    def stored(self, row: np.void) -> int | bytes | None:
        """As the catalog keeps it: a number, or the bytes of an array; None where it is not known."""
        value = row[self.name]
        if not self.shape:
            return int(value)
        return value.tobytes() if np.any(value != self.default) else None

    def loaded(self, stored: Sequence[Any]) -> NDArray[Any]:
        """[n, *shape], what the catalog kept of n images; bytes of another length are not known, either."""
        if not self.shape:
            return np.array([self.default if one is None else one for one in stored], self.dtype)
        unknown = np.full(self.shape, self.default, self.dtype).tobytes()
        joined = b"".join(unknown if one is None or len(one) != len(unknown) else one for one in stored)
        return np.frombuffer(joined, self.dtype).reshape(len(stored), *self.shape)


DIFFERENCE_HASH = Column(name="difference_hash", dtype="<u8")
"""The 64-bit dHash of the grey image; 0 also says that there is nothing to tell it by."""

COLOUR_SIGNATURE = Column(name="colour_signature", dtype="u1", shape=(96,))
"""Mean Y of 8 x 8 cells, then mean Cb and Cr of 4 x 4, row by row; all zero, as no colour is, where it is not known."""

COLUMNS = (DIFFERENCE_HASH, COLOUR_SIGNATURE)
"""Every column there is."""

_COUNTED_HASHES = 262_144  # sorted in 20 ms

IMAGE_ROW = np.dtype([(column.name, column.dtype, column.shape) for column in COLUMNS])
"""One image's facts as a numpy record: `rows["difference_hash"]` is a column of an array of them."""

ImageRow: TypeAlias = np.void
"""One record of type `IMAGE_ROW`."""

ImageRows: TypeAlias = NDArray[np.void]
"""[images], of type `IMAGE_ROW`."""


def share_repeated(hashes: NDArray[np.uint64]) -> float:
    """Share of images whose difference hash, of [n], occurred before, and tells something.

    Of many images, those with every second, third, ... hash are counted: all that share one, or none of them.
    """
    every = 1 + len(hashes) // _COUNTED_HASHES
    some = hashes if every == 1 else hashes[hashes % np.uint64(every) == 0]
    telling = some[some != 0]
    return (len(telling) - len(np.unique(telling))) / max(len(some), 1)


def unknown_rows(count: int) -> ImageRows:
    """[count] records of images of which nothing is known."""
    rows = np.empty(count, IMAGE_ROW)
    for column in COLUMNS:
        rows[column.name] = column.default
    return rows


def image_row(**facts: Any) -> ImageRow:
    """One record: what is given, by the column's name, and what is not known.

    Raises:
        ValueError: there is no column of that name.
    """
    row: ImageRow = unknown_rows(1)[0]
    for name, fact in facts.items():
        row[name] = fact
    return row


def rows_of(stored: Sequence[Sequence[Any]]) -> ImageRows:
    """[n] records from what the catalog kept: n values for each column, in the order of `COLUMNS`."""
    rows = np.empty(len(stored[0]), IMAGE_ROW)
    for column, values in zip(COLUMNS, stored, strict=True):
        rows[column.name] = column.loaded(values)
    return rows
