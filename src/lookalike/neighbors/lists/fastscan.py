"""Inverted lists of 4-bit product codes, scanned by the processor's shuffle instructions: the default index.

Idea: as product quantization with 8 bits, but a codebook has 16 entries, so that the table of a piece fits in a
register and 32 vectors are estimated at once; the best are compared again by stored vectors. Complexity: `lists` + size
x probes / lists / 32 steps of `subquantizers` look-ups; building learns the codebooks by k-means. Use it for
everything that is too large for exact search.
Papers: Jégou, Douze and Schmid 2011, "Product quantization for nearest neighbor search"; André, Kermarrec and Le
Scouarnec 2015, "Cache locality is not enough: high-performance nearest neighbor search with product quantization fast
scan".
"""

from pathlib import Path
from typing import Any

import faiss

from lookalike.errors import SnapshotDamaged
from lookalike.neighbors.candidates import CandidateIndex
from lookalike.neighbors.checking import checked
from lookalike.neighbors.index import Backend, Blocks
from lookalike.neighbors.lists.blocks import fill, sample_of
from lookalike.neighbors.lists.codes import CodesSearch, open_codes
from lookalike.neighbors.lists.fastscan_lists import FastScanLists
from lookalike.neighbors.lists.fastscan_parameters import IvfPqBuild, build_parameters, search_parameters
from lookalike.neighbors.lists.fastscan_training import find_lists_by_codes, trained
from lookalike.neighbors.lists.probing import ListStore, Probes, filled
from lookalike.neighbors.lists.training import training_rows
from lookalike.neighbors.stored import RowStore
from lookalike.neighbors.threads import SUMS, cores, openmp_threads
from lookalike.neighbors.vector_file import VECTORS_FILE, MappedVectors, VectorFile
from lookalike.types import Rows, Vectors

NAME = "faiss-ivfpq"


@SUMS.building()
def build(vectors: Vectors, *, parameters: IvfPqBuild | None = None, threads: int | None = None) -> CandidateIndex:
    """Learn centroids and codes from a sample, and fill the lists.

    Args:
        vectors: [size, dimension] float32 unit rows.
        parameters: None for what suits the size and dimension.
        threads: None for all cores; the index is the same.

    Raises:
        VectorsRefused: vectors that are not finite or not of unit length.
    """
    vectors = checked(vectors)
    parameters = parameters or build_parameters(*vectors.shape)
    sample = vectors[_training_rows(len(vectors), parameters)]
    lists = filled(trained(sample, parameters, threads=threads), vectors, threads=threads)
    find_lists_by_codes(lists, parameters)
    store = RowStore.of(vectors) if parameters.refine else None
    return _index(lists, store, parameters, search_parameters(parameters, vectors.shape[1]))


@SUMS.building()
def build_from_blocks(
    blocks: Blocks,
    size: int,
    dimension: int,
    *,
    working: Path,
    parameters: IvfPqBuild | None = None,
    threads: int | None = None,
) -> CandidateIndex:
    """The index that `build` makes of the same rows, without holding them in memory; see `BuildFromBlocks`.

    Reads the blocks twice: once for the rows that centroids and codes are learned from, once to fill the lists and to
    write the vectors, as float16, into the file that the index then maps. In memory are the codes, the sample (at most
    `training_rows`, of as many as lists need) and one block.

    Raises:
        VectorsRefused: vectors that are not finite or not of unit length.
        StorageFailed: the disk is full or failing.
        ValueError: the blocks hold more or fewer rows than `size`.
    """
    parameters = parameters or build_parameters(size, dimension)
    sample = sample_of(blocks, _training_rows(size, parameters), size, dimension)
    lists = trained(sample, parameters, threads=threads)
    del sample
    store = None
    with openmp_threads(threads or cores()):
        if parameters.refine:
            with VectorFile(working / VECTORS_FILE, size=size, dimension=dimension) as file:
                fill(lists, blocks, size, file)
            mapped = MappedVectors(working / VECTORS_FILE)
            store = RowStore(mapped.kept, mapped=mapped)
        else:
            fill(lists, blocks, size, None)
    find_lists_by_codes(lists, parameters)
    return _index(lists, store, parameters, search_parameters(parameters, dimension))


def open_saved(directory: Path) -> CandidateIndex:
    """Read the lists and map the vectors.

    Mapped pages are read when they are first touched, and shared between processes. Faiss copies lists out of a mapped
    file, which would then count twice.

    Raises:
        SnapshotDamaged: files are missing or do not fit together.
    """
    saved, store, lists = open_codes(directory, name=NAME, building=IvfPqBuild)
    if not isinstance(lists, faiss.IndexIVFPQFastScan) or saved.building.subquantizers != lists.pq.M:
        raise SnapshotDamaged(f"{directory}: the lists and their parameters do not belong together")
    lists.fine_quantizer = lists.pq  # Faiss 1.15 leaves it null, and decoding codes would end the process
    return _index(lists, store, saved.building, saved.searching)


def build_grid(size: int, dimension: int) -> tuple[IvfPqBuild, ...]:
    """What suits the size, then less memory for less recall."""
    builds = (
        build_parameters(size, dimension),
        build_parameters(size, dimension, memory="small"),
        build_parameters(size, dimension, memory="codes"),
    )
    return tuple(dict.fromkeys(builds))


def search_grid(building: IvfPqBuild, size: int) -> tuple[CodesSearch, ...]:
    """From one list to all of them, with candidates that grow alike; the last compares every row."""
    effort = [(1, 50), (2, 50), (4, 60), (8, 60), (12, 60), (16, 100), (24, 150), (32, 200), (48, 200), (64, 400)]
    effort += [(96, 600), (128, 800), (256, 1600)]
    steps = [(probes, candidates) for probes, candidates in effort if probes < building.lists]
    grid = [
        CodesSearch(probes=probes, candidates=candidates, candidates_per_neighbor=max(candidates // 20, 2))
        for probes, candidates in steps
    ]
    everything = CodesSearch(probes=building.lists, candidates=max(size, 1), candidates_per_neighbor=1)
    return (*grid, everything)


BACKEND = Backend(
    name=NAME,
    idea="Groups vectors into lists, estimates by 4-bit codes of their pieces, and compares the best by their vectors.",
    build=build,
    build_from_blocks=build_from_blocks,
    open=open_saved,
    building=IvfPqBuild,
    searching=CodesSearch,
    build_grid=build_grid,
    search_grid=search_grid,
)


def _training_rows(size: int, parameters: IvfPqBuild) -> Rows:
    return training_rows(size, lists=parameters.lists, at_most=parameters.training_rows, seed=parameters.seed)


def _index(lists: Any, store: RowStore | None, building: IvfPqBuild, searching: CodesSearch) -> CandidateIndex:
    """Without a store, cosines are estimates, and vectors are decoded from the lists."""
    finder = FastScanLists(lists, store, building)
    kept = store or ListStore(lists, Probes(lists), whole=False, located=False)
    return CandidateIndex(finder, kept, name=NAME, building=building, searching=searching)
