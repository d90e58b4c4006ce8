"""Vectors that do not fit in memory, read in blocks."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from lookalike.neighbors.checking import checked
from lookalike.neighbors.exact import rounded
from lookalike.neighbors.index import Blocks
from lookalike.neighbors.lists.training import ADD_BLOCK
from lookalike.neighbors.vector_file import VectorFile
from lookalike.types import Rows, Vectors


def sample_of(blocks: Blocks, rows: Rows, size: int, dimension: int) -> Vectors:
    """Some rows of the blocks, in the order they are named.

    Args:
        blocks: of vectors.
        rows: [n] int64, no two equal.
        size: rows in all blocks together.
        dimension: of each.

    Returns:
        [n, dimension] float32.

    Raises:
        VectorsRefused: one of them is not finite or not of unit length.
        ValueError: the blocks hold more or fewer rows than `size`.
    """
    order = np.argsort(rows)
    ascending = rows[order]
    sample = np.empty((len(rows), dimension), dtype=np.float32)
    start = 0
    for block in blocks():
        first, last = np.searchsorted(ascending, [start, start + len(block)])
        sample[order[first:last]] = checked(block[ascending[first:last] - start], dimension=dimension)
        start += len(block)
    if start != size:
        raise ValueError(f"the blocks hold {start} rows, {size} were announced")
    return sample


def fill(lists: Any, blocks: Blocks, size: int, file: VectorFile | None) -> None:
    """Add all blocks to trained lists, and write them to a file where there is one.

    Raises:
        VectorsRefused: a vector is not finite or not of unit length.
        StorageFailed: the disk is full or failing.
        ValueError: the blocks hold more or fewer rows than `size`.
    """
    for block in _cut(blocks(), lists.d):
        stored = rounded(checked(block, dimension=lists.d))
        lists.add(stored)
        if file is not None:
            file.write(stored)
    if lists.ntotal != size:
        raise ValueError(f"the blocks hold {lists.ntotal} rows the second time, {size} the first")


def _cut(blocks: Iterator[Vectors], dimension: int) -> Iterator[Vectors]:
    """The same rows in blocks of the size that is added at once, the last one smaller."""
    waiting = np.empty((ADD_BLOCK, dimension), dtype=np.float32)
    filled = 0
    for block in blocks:
        taken = 0
        while taken < len(block):
            part = block[taken : taken + ADD_BLOCK - filled]
            waiting[filled : filled + len(part)] = part
            taken, filled = taken + len(part), filled + len(part)
            if filled == ADD_BLOCK:
                yield waiting
                filled = 0
    if filled:
        yield waiting[:filled]
