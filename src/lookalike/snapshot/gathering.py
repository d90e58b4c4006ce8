"""Taking vectors in block by block: into memory, or into a file when there are many."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.snapshot.centring import Centring
from lookalike.snapshot.publishing import workspace
from lookalike.snapshot.recall import HalfVectors
from lookalike.types import Vectors

_FILE = "gathered.f16"
_BLOCK = 16_384


class Gathered:
    """Vectors that arrive in blocks.

    Attributes:
        vectors: [size, dimension], float32 in memory or float16 mapped from a file; the rows not taken yet are zeros.
    """

    def __init__(self, vectors: Vectors | HalfVectors) -> None:
        self.vectors = vectors
        self._taken = 0

    def take(self, block: Vectors) -> None:
        """The next rows, [n, dimension] float32."""
        self.vectors[self._taken : self._taken + len(block)] = block
        self._taken += len(block)

    def centre(self, centring: Centring, regions: NDArray[np.int16]) -> None:
        """Make them what the index will hold.

        Args:
            centring: what is taken out of them.
            regions: [size], of which region of its picture each is.
        """
        for start in range(0, len(self.vectors) if centring.is_on else 0, _BLOCK):
            rows = slice(start, start + _BLOCK)
            self.vectors[rows] = centring.rows(np.asarray(self.vectors[rows], dtype=np.float32), regions[rows])


@contextmanager
def gathering(root: Path, *, size: int, dimension: int, most_in_memory: int) -> Iterator[Gathered]:
    """Room for vectors as long as the `with` lasts.

    Args:
        root: the folder of snapshots, which must exist: a file is made in it when one is needed.
        size: rows to come.
        dimension: of each.
        most_in_memory: more rows than this go to a file, as float16. Its pages are the system's to keep or to drop.
    """
    if size <= most_in_memory:
        yield Gathered(np.zeros((size, dimension), dtype=np.float32))
        return
    with workspace(root) as work:
        yield Gathered(np.memmap(work / _FILE, dtype=np.float16, mode="w+", shape=(size, dimension)))
