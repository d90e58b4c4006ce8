"""Which rows a search may return, prepared once for many searches."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lookalike.types import Mask, Rows


class AllowedRows:
    """A frozen set of rows, packed to one bit each.

    Preparing costs about as much as one search of a large index, so whoever searches many times with one mask
    prepares it once. It is a copy: changing the mask afterwards changes nothing here, hence a row that was hidden
    cannot come back through a stale cache. An index keeps what it derives from one for as long as that one lives.

    Attributes:
        bits: [ceil(size / 8)] uint8, row r is bit r % 8 of byte r // 8.
        size: rows in all.
        count: rows allowed.
    """

    def __init__(self, bits: NDArray[np.uint8], *, size: int, count: int) -> None:
        self.bits = bits
        self.size = size
        self.count = count

    @classmethod
    def of(cls, mask: Mask) -> "AllowedRows":
        """The rows where a mask is true.

        Args:
            mask: [size] bool.

        Raises:
            ValueError: not a flat array of bool.
        """
        mask = np.asarray(mask)
        if mask.ndim != 1 or mask.dtype != np.bool_:
            raise ValueError(f"a mask is one bool for each row, not {mask.dtype} of shape {mask.shape}")
        bits = np.packbits(mask, bitorder="little")
        bits.flags.writeable = False
        return cls(bits, size=len(mask), count=int(np.count_nonzero(mask)))

    @property
    def everything(self) -> bool:
        """Nothing is hidden."""
        return self.count == self.size

    @cached_property
    def mask(self) -> Mask:
        """[size] bool."""
        return np.unpackbits(self.bits, count=self.size, bitorder="little").view(np.bool_)

    @cached_property
    def rows(self) -> Rows:
        """[count] int64, ascending."""
        return np.flatnonzero(self.mask)


def allowed_rows(allowed: Mask | AllowedRows | None, size: int) -> AllowedRows | None:
    """Prepare what a caller gave; None when every row of an index of that size is allowed.

    Raises:
        ValueError: it is for an index of another size.
    """
    if allowed is None:
        return None
    prepared = allowed if isinstance(allowed, AllowedRows) else AllowedRows.of(allowed)
    if prepared.size != size:
        raise ValueError(f"the mask has {prepared.size} rows, the index {size}")
    return None if prepared.everything else prepared
