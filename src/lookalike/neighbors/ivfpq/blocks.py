"""Building from vectors that do not fit in memory."""

from collections.abc import Callable, Iterator
from pathlib import Path

import faiss
import numpy as np

from lookalike.neighbors.checking import checked
from lookalike.neighbors.exact import rounded
from lookalike.neighbors.ivfpq.index import VECTORS_FILE, IvfPqIndex
from lookalike.neighbors.ivfpq.parameters import IvfPqBuild, build_parameters, search_parameters
from lookalike.neighbors.ivfpq.training import ADD_BLOCK, find_lists_by_codes, refined, trained, training_rows
from lookalike.neighbors.threads import SUMS, cores, openmp_threads
from lookalike.neighbors.vector_file import MappedVectors, VectorFile
from lookalike.types import Vectors

Blocks = Callable[[], Iterator[Vectors]]
"""Starts from the first row each time it is called. Blocks are [n, dimension] float32 unit rows, of any n."""


@SUMS.building()
def build_from_blocks(
    blocks: Blocks,
    size: int,
    dimension: int,
    *,
    working: Path,
    parameters: IvfPqBuild | None = None,
    threads: int | None = None,
) -> IvfPqIndex:
    """The index that `build` makes of the same rows, without holding them in memory.

    Reads the blocks twice: once for the rows that centroids and codes are learned from, once to fill the lists and to
    write the vectors, as float16, into the file that the index then maps. In memory are the codes, the sample (at most
    `training_rows`, of as many as lists need) and one block.

    Args:
        blocks: called twice; must give the same rows in the same order.
        size: rows in all blocks together.
        dimension: of each.
        working: an existing directory for the file of vectors, 2 bytes a number. It belongs to the index from then on:
            `save` into it leaves that file in place, into any other directory copies it.
        parameters: None for what suits the size and dimension.
        threads: None for all cores; the index is the same.

    Raises:
        VectorsRefused: vectors that are not finite or not of unit length.
        StorageFailed: the disk is full or failing.
        ValueError: the blocks hold more or fewer rows than `size`.
    """
    parameters = parameters or build_parameters(size, dimension)
    searching = search_parameters(parameters, dimension)
    with openmp_threads(threads or cores()):
        lists = trained(_sample(blocks, size, dimension, parameters), parameters)
        if not parameters.refine:
            _fill(lists, blocks, size, None)
            find_lists_by_codes(lists, parameters)
            return IvfPqIndex(lists, building=parameters, searching=searching)
        with VectorFile(working / VECTORS_FILE, size=size, dimension=dimension) as file:
            _fill(lists, blocks, size, file)
        find_lists_by_codes(lists, parameters)
    mapped = MappedVectors(working / VECTORS_FILE)
    index = refined(lists, mapped.kept)
    return IvfPqIndex(index, building=parameters, searching=searching, mapped=mapped)


def _sample(blocks: Blocks, size: int, dimension: int, parameters: IvfPqBuild) -> Vectors:
    rows = training_rows(size, parameters)
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


def _fill(lists: faiss.IndexIVFPQFastScan, blocks: Blocks, size: int, file: VectorFile | None) -> None:
    for block in _cut(blocks(), lists.d):
        stored = rounded(checked(block, dimension=lists.d))
        lists.add(stored)
        if file is not None:
            file.write(stored)
    if lists.ntotal != size:
        raise ValueError(f"the blocks hold {lists.ntotal} rows the second time, {size} the first")


def _cut(blocks: Iterator[Vectors], dimension: int) -> Iterator[Vectors]:
    """The same rows in blocks of the size that `build` adds at once, the last one smaller."""
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
