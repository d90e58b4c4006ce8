"""One bit or a few for each dimension, in inverted lists: RaBitQ.

Idea: what a list's centroid leaves over of a vector is rotated at random and each number replaced by its sign (or a
few bits); the cosine is estimated from the bits, the length that was left over and a correction, with an error that
is known in theory and needs no codebook. The best candidates are compared again by stored vectors. Complexity:
`lists` + size x probes / lists estimates of dimension x bits / 64 machine words. Use it where vectors are many and
stored on disk: with one bit, codes take an eighth of a byte a dimension.
Papers: Gao and Long 2024, "RaBitQ: quantizing high-dimensional vectors with a theoretical error bound for approximate
nearest neighbor search", arXiv:2405.12497; Gao et al. 2024, "Practical and asymptotically optimal quantization of
high-dimensional vectors in Euclidean space for approximate nearest neighbor search", arXiv:2409.09913.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from lookalike.errors import SnapshotDamaged
from lookalike.neighbors.allowed import AllowedRows
from lookalike.neighbors.candidates import CandidateIndex, read_saved
from lookalike.neighbors.checking import checked
from lookalike.neighbors.exact import rounded
from lookalike.neighbors.index import Backend
from lookalike.neighbors.lists.codes import CodesSearch, codes_search_grid
from lookalike.neighbors.lists.probing import Probes, open_lists
from lookalike.neighbors.lists.training import (
    ADD_BLOCK,
    TRAINING_ROWS,
    trained_quantizer,
    training_sample,
    usual_lists,
    usual_probes,
)
from lookalike.neighbors.stored import RowStore, read_array, write_array
from lookalike.neighbors.threads import SUMS, cores, openmp_threads
from lookalike.types import Rows, Vectors

NAME = "ivf-rabitq"
_ROTATION_FILE = "rotation.npy"
_QUERY_BITS = 8  # to which a query's numbers are rounded; the estimate's error comes from the codes, not from these


@dataclass(frozen=True, slots=True, kw_only=True)
class IvfRabitqBuild:
    """How lists and codes are made; a change needs a rebuild.

    Vectors are always kept beside the codes: Faiss decodes no more than signs, too little to answer `vectors` from.

    Attributes:
        lists: coarse centroids.
        bits: a dimension, 1 to 9.
        training_rows: vectors the centroids are learned from, at most.
        seed: of the sample and of the rotation.
    """

    lists: int
    bits: int = 1
    training_rows: int = TRAINING_ROWS
    seed: int = 20_240_521


class _RotatedProbes:
    """Visits lists of rotated codes."""

    def __init__(self, lists: Any, rotation: NDArray[np.float32]) -> None:
        self._probes = Probes(lists, query_bits=_QUERY_BITS)
        self._rotation = rotation

    @property
    def bytes_in_memory(self) -> int:
        """Codes, row numbers, centroids and the rotation."""
        return self._probes.bytes_in_memory + int(self._rotation.nbytes)

    def propose(self, queries: Vectors, k: int, allowed: AllowedRows | None, searching: CodesSearch) -> Rows:
        """Rotate each query as if it were alone, and visit lists."""
        rotated = [queries[place : place + 1] @ self._rotation for place in range(len(queries))]
        return self._probes.propose(np.concatenate(rotated), k, allowed, searching)

    def candidates(self, k: int, searching: CodesSearch) -> int:
        """As the parameters say."""
        return self._probes.candidates(k, searching)

    def save(self, directory: Path) -> tuple[str, ...]:
        """Write the lists and the rotation."""
        write_array(self._rotation, directory / _ROTATION_FILE)
        return (*self._probes.save(directory), _ROTATION_FILE)


@SUMS.building()
def build(vectors: Vectors, *, parameters: IvfRabitqBuild | None = None, threads: int | None = None) -> CandidateIndex:
    """Learn centroids from a sample, and fill the lists.

    Args:
        vectors: [size, dimension] float32 unit rows.
        parameters: None for what suits the size, with one bit a dimension.
        threads: None for all cores; the index is the same.

    Raises:
        VectorsRefused: vectors that are not finite or not of unit length.
    """
    vectors = rounded(checked(vectors))
    parameters = parameters or IvfRabitqBuild(lists=usual_lists(len(vectors)))
    rotation = _rotation(vectors.shape[1], parameters.seed)
    sample = training_sample(vectors, lists=parameters.lists, at_most=parameters.training_rows, seed=parameters.seed)
    sample = sample @ rotation
    quantizer = trained_quantizer(sample, lists=parameters.lists, seed=parameters.seed, threads=threads)
    lists = faiss.IndexIVFRaBitQ(
        quantizer, vectors.shape[1], parameters.lists, faiss.METRIC_INNER_PRODUCT, True, parameters.bits
    )
    quantizer.this.disown()
    lists.own_fields = True
    lists.train(sample[: parameters.lists])  # the centroids are there; Faiss wants it said
    with openmp_threads(threads or cores()):
        for start in range(0, len(vectors), ADD_BLOCK):
            lists.add(vectors[start : start + ADD_BLOCK] @ rotation)
    searching = CodesSearch(probes=usual_probes(parameters.lists), candidates=200, candidates_per_neighbor=10)
    return _index(lists, rotation, RowStore.of(vectors), parameters, searching)


def open_saved(directory: Path) -> CandidateIndex:
    """Read the lists and map the vectors.

    Raises:
        SnapshotDamaged: files are missing or do not fit together.
    """
    saved = read_saved(directory, name=NAME, building=IvfRabitqBuild, searching=CodesSearch)
    store = RowStore.open(directory)
    lists = open_lists(directory, size=store.size, dimension=store.dimension, lists=saved.building.lists)
    rotation = read_array(directory / _ROTATION_FILE, dtype="<f4", dimensions=2)
    if rotation.shape != (store.dimension, store.dimension):
        raise SnapshotDamaged(f"{directory}: the rotation and the vectors do not belong together")
    return _index(lists, rotation, store, saved.building, saved.searching)


def build_grid(size: int, dimension: int) -> tuple[IvfRabitqBuild, ...]:
    """One bit a dimension, then two. Four find no more once vectors are compared, and take several times as long."""
    del dimension
    return tuple(IvfRabitqBuild(lists=usual_lists(size), bits=bits) for bits in (1, 2))


def search_grid(building: IvfRabitqBuild, size: int) -> tuple[CodesSearch, ...]:
    """From one list to all of them, with candidates that grow alike; the last compares every row."""
    return codes_search_grid(building.lists, size)


BACKEND = Backend(
    name=NAME,
    idea="Groups vectors into lists, estimates by a bit for each dimension, and compares the best by their vectors.",
    build=build,
    open=open_saved,
    building=IvfRabitqBuild,
    searching=CodesSearch,
    build_grid=build_grid,
    search_grid=search_grid,
)


def _rotation(dimension: int, seed: int) -> NDArray[np.float32]:
    """[dimension, dimension], orthogonal, uniformly at random."""
    random = np.random.default_rng(seed).standard_normal((dimension, dimension))
    orthogonal, triangle = np.linalg.qr(random)
    return np.ascontiguousarray(orthogonal * np.sign(np.diag(triangle)), dtype=np.float32)


def _index(
    lists: Any, rotation: NDArray[np.float32], store: RowStore, building: IvfRabitqBuild, searching: CodesSearch
) -> CandidateIndex:
    return CandidateIndex.of(_RotatedProbes(lists, rotation), store, name=NAME, building=building, searching=searching)
