"""Product quantization with 8-bit codes, in inverted lists.

Idea: what a list's centroid leaves over of a vector is cut into short pieces, and each piece is replaced by the
number of its nearest entry in a codebook of 256; a query's products with all entries are tabulated once, so that a
vector's cosine is a sum of table look-ups. The best candidates are compared again by stored vectors. Complexity:
`lists` + size x probes / lists sums of `subquantizers` look-ups; building learns the codebooks by k-means. Use it
where codes must be short and their cosines good; the default index's 4-bit codes are compared several times faster.
Paper: Jégou, Douze and Schmid 2011, "Product quantization for nearest neighbor search".
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss

from lookalike.neighbors.candidates import CandidateIndex
from lookalike.neighbors.checking import checked
from lookalike.neighbors.exact import rounded
from lookalike.neighbors.index import Backend
from lookalike.neighbors.lists.codes import CodesSearch, codes_search_grid, open_codes, pieces
from lookalike.neighbors.lists.probing import ListStore, Probes, filled
from lookalike.neighbors.lists.training import (
    TRAINING_ROWS,
    trained_quantizer,
    training_sample,
    usual_lists,
    usual_probes,
)
from lookalike.neighbors.stored import RowStore
from lookalike.neighbors.threads import SUMS, openmp_threads
from lookalike.types import Vectors

NAME = "ivf-pq"
_CODEBOOK_ROWS = 16_384
_CODEBOOK_ITERATIONS = 6
_FINE, _COARSE = 4, 8  # dimensions a code


@dataclass(frozen=True, slots=True, kw_only=True)
class IvfPq8Build:
    """How lists and codes are made; a change needs a rebuild.

    Attributes:
        lists: coarse centroids, the paper's k'.
        subquantizers: one-byte codes a vector, the paper's m; must divide the dimension.
        refine: keep the vectors as float16 and compare the candidates again by them. Without, cosines are estimates.
        training_rows: vectors the centroids are learned from, at most.
        seed: of the sample and of the first centroids.
    """

    lists: int
    subquantizers: int
    refine: bool = True
    training_rows: int = TRAINING_ROWS
    seed: int = 20_110_101


@SUMS.building()
def build(vectors: Vectors, *, parameters: IvfPq8Build | None = None, threads: int | None = None) -> CandidateIndex:
    """Learn centroids and codebooks from a sample, and fill the lists.

    Args:
        vectors: [size, dimension] float32 unit rows.
        parameters: None for what suits the size and dimension.
        threads: None for all cores; the index is the same.

    Raises:
        VectorsRefused: vectors that are not finite or not of unit length.
        ValueError: subquantizers that do not divide the dimension.
    """
    vectors = rounded(checked(vectors))
    parameters = parameters or build_grid(*vectors.shape)[0]
    dimension = vectors.shape[1]
    if dimension % parameters.subquantizers:
        raise ValueError(f"{parameters.subquantizers} subquantizers do not divide {dimension} dimensions")
    sample = training_sample(vectors, lists=parameters.lists, at_most=parameters.training_rows, seed=parameters.seed)
    quantizer = trained_quantizer(sample, lists=parameters.lists, seed=parameters.seed, threads=threads)
    lists = faiss.IndexIVFPQ(
        quantizer, dimension, parameters.lists, parameters.subquantizers, 8, faiss.METRIC_INNER_PRODUCT
    )
    quantizer.this.disown()
    lists.own_fields = True
    lists.do_polysemous_training = False  # takes minutes, and is for Hamming filters that are not used here
    lists.pq.cp.niter = _CODEBOOK_ITERATIONS
    lists.pq.cp.min_points_per_centroid = 1
    lists.pq.cp.max_points_per_centroid = _CODEBOOK_ROWS // 256
    lists.pq.cp.seed = parameters.seed
    with openmp_threads(1):  # thousands of tiny parallel loops wait for each other on a busy machine
        lists.train(sample[:_CODEBOOK_ROWS])
    store = RowStore.of(vectors) if parameters.refine else None
    searching = CodesSearch(probes=usual_probes(parameters.lists))
    return _index(filled(lists, vectors, threads=threads), store, parameters, searching)


def open_saved(directory: Path) -> CandidateIndex:
    """Read the lists and map the vectors.

    Raises:
        SnapshotDamaged: files are missing or do not fit together.
    """
    saved, store, lists = open_codes(directory, name=NAME, building=IvfPq8Build)
    return _index(lists, store, saved.building, saved.searching)


def build_grid(size: int, dimension: int) -> tuple[IvfPq8Build, ...]:
    """A code for four dimensions; for eight; and codes alone, as fine as a byte for two dimensions."""
    lists = usual_lists(size)
    builds = (
        IvfPq8Build(lists=lists, subquantizers=pieces(dimension, at_most=_FINE)),
        IvfPq8Build(lists=lists, subquantizers=pieces(dimension, at_most=_COARSE)),
        IvfPq8Build(lists=lists, subquantizers=pieces(dimension, at_most=2), refine=False),
    )
    return tuple(dict.fromkeys(builds))


def search_grid(building: IvfPq8Build, size: int) -> tuple[CodesSearch, ...]:
    """From one list to all of them, with candidates that grow alike; the last compares every row."""
    return codes_search_grid(building.lists, size)


BACKEND = Backend(
    name=NAME,
    idea="Groups vectors into lists, estimates by 8-bit codes of their pieces, and compares the best by their vectors.",
    build=build,
    open=open_saved,
    building=IvfPq8Build,
    searching=CodesSearch,
    build_grid=build_grid,
    search_grid=search_grid,
)


def _index(lists: Any, store: RowStore | None, building: IvfPq8Build, searching: CodesSearch) -> CandidateIndex:
    """Without a store, vectors are decoded from the lists."""
    probes = Probes(lists)
    kept = store or ListStore(lists, probes, whole=False)
    return CandidateIndex.of(probes, kept, name=NAME, building=building, searching=searching)
