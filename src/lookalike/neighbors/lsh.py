"""Locality-sensitive hashing by random hyperplanes, on Faiss's Hamming kernels.

Idea: each of many random hyperplanes gives one bit: which side a vector is on. Two vectors differ in as large a share
of the bits as their angle is of half a turn, so the rows whose bits differ least are candidates, compared again by
their stored vectors. Complexity: every code is read, size x bits / 64 machine words, an eighth of a float16 scan or
less; building is one matrix product. Use it where building must take no time, or where the vectors have no clusters
for other indexes to find; it needs no training and its error is known beforehand.
Papers: Charikar 2002, "Similarity estimation techniques from rounding algorithms"; Indyk and Motwani 1998,
"Approximate nearest neighbors: towards removing the curse of dimensionality".
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from lookalike.errors import SnapshotDamaged
from lookalike.neighbors.allowed import AllowedRows
from lookalike.neighbors.candidate_search import CandidateSearch, candidate_steps
from lookalike.neighbors.candidates import CandidateIndex, read_saved, widened
from lookalike.neighbors.checking import checked
from lookalike.neighbors.exact import rounded
from lookalike.neighbors.index import Backend
from lookalike.neighbors.stored import RowStore, read_array, read_faiss, write_array, write_faiss
from lookalike.neighbors.threads import openmp_threads
from lookalike.types import Rows, Vectors

NAME = "lsh"
_CODES_FILE = "codes.faiss"
_PLANES_FILE = "planes.npy"
_HASH_BLOCK = 16_384
_FEWEST_BITS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class LshBuild:
    """How vectors are hashed; a change needs a rebuild.

    Attributes:
        bits: hyperplanes, a multiple of 8. Memory is bits / 8 bytes a vector.
        centred: hyperplanes pass through the mean vector instead of the origin. Embeddings often lie to one side of the
            origin, where most hyperplanes would have all of them on one side.
        seed: of the hyperplanes.
    """

    bits: int
    centred: bool = True
    seed: int = 20_020_519


@dataclass(frozen=True, slots=True, kw_only=True)
class LshSearch(CandidateSearch):
    """How codes are searched; may change at any time.

    Attributes:
        candidates: rows compared by their stored vectors, at least.
        candidates_per_neighbor: the same, for each neighbour asked for.
    """

    candidates: int = 200
    candidates_per_neighbor: int = 10


class _Hashes:
    """Proposes the rows whose codes differ in the fewest bits.

    Args:
        codes: Faiss's codes by row.
        planes: [dimension + 1, bits] float32, the normals of the hyperplanes and, last, where the mean is on each.
    """

    def __init__(self, codes: faiss.IndexBinaryFlat, planes: NDArray[np.float32]) -> None:
        self._codes = codes
        self._planes = planes

    @property
    def bytes_in_memory(self) -> int:
        """Codes and hyperplanes."""
        return int(self._codes.ntotal * self._codes.code_size + self._planes.nbytes)

    def propose(self, queries: Vectors, k: int, allowed: AllowedRows | None, searching: LshSearch) -> Rows:
        """Scan the codes."""
        asked = widened(searching.candidates_for(k), self._codes.ntotal, allowed)
        # one by one: a product of several rows may differ in the last digit, and by it a bit
        codes = np.concatenate([_hashed(queries[place : place + 1], self._planes) for place in range(len(queries))])
        with openmp_threads(1):
            _, rows = self._codes.search(codes, asked)
        return np.asarray(rows, dtype=np.int64)

    def candidates(self, k: int, searching: LshSearch) -> int:
        """As the parameters say."""
        return searching.candidates_for(k)

    def save(self, directory: Path) -> tuple[str, ...]:
        """Write codes and hyperplanes."""
        write_faiss(self._codes, directory / _CODES_FILE)
        write_array(self._planes, directory / _PLANES_FILE)
        return (_CODES_FILE, _PLANES_FILE)


def build(vectors: Vectors, *, parameters: LshBuild | None = None, threads: int | None = None) -> CandidateIndex:
    """Draw hyperplanes, and hash every vector.

    Args:
        vectors: [size, dimension] float32 unit rows.
        parameters: None for two bits a dimension, 256 at least.
        threads: passed over; the codes are the same.

    Raises:
        VectorsRefused: vectors that are not finite or not of unit length.
        ValueError: bits that are not a multiple of 8.
    """
    del threads
    vectors = rounded(checked(vectors))
    parameters = parameters or _usual(vectors.shape[1])
    if parameters.bits < 1 or parameters.bits % 8:
        raise ValueError(f"bits = {parameters.bits}: a multiple of 8 is needed")
    planes = _planes(vectors, parameters)
    codes = faiss.IndexBinaryFlat(parameters.bits)
    for start in range(0, len(vectors), _HASH_BLOCK):
        codes.add(_hashed(vectors[start : start + _HASH_BLOCK], planes))
    return _index(codes, planes, RowStore.of(vectors), parameters, LshSearch())


def open_saved(directory: Path) -> CandidateIndex:
    """Read codes and hyperplanes, and map the vectors.

    Raises:
        SnapshotDamaged: files are missing or do not fit together.
    """
    saved = read_saved(directory, name=NAME, building=LshBuild, searching=LshSearch)
    store = RowStore.open(directory)
    codes = read_faiss(directory / _CODES_FILE, binary=True)
    planes = read_array(directory / _PLANES_FILE, dtype="<f4", dimensions=2)
    if codes.ntotal != store.size or planes.shape != (store.dimension + 1, codes.d):
        raise SnapshotDamaged(f"{directory}: the codes and the vectors do not belong together")
    return _index(codes, planes, store, saved.building, saved.searching)


def build_grid(size: int, dimension: int) -> tuple[LshBuild, ...]:
    """Two bits a dimension, 256 at least; then half of it, and twice as many."""
    del size
    usual = _usual(dimension).bits
    return tuple(LshBuild(bits=bits) for bits in (usual, usual // 2, 2 * usual))


def search_grid(building: LshBuild, size: int) -> tuple[LshSearch, ...]:
    """From 50 candidates to all."""
    del building
    return tuple(LshSearch(**step) for step in candidate_steps((50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000), size))


BACKEND = Backend(
    name=NAME,
    idea="Keeps on which side of random planes each vector lies, and compares those that agree with the query most.",
    build=build,
    open=open_saved,
    building=LshBuild,
    searching=LshSearch,
    build_grid=build_grid,
    search_grid=search_grid,
)


def _usual(dimension: int) -> LshBuild:
    return LshBuild(bits=max(_FEWEST_BITS, 2 * -(-dimension // 8) * 8))


def _planes(vectors: Vectors, parameters: LshBuild) -> NDArray[np.float32]:
    random = np.random.default_rng(parameters.seed)
    normals = random.standard_normal((vectors.shape[1], parameters.bits), dtype=np.float32)
    mean = np.zeros(vectors.shape[1])
    if parameters.centred and len(vectors):
        mean = vectors.mean(axis=0, dtype=np.float64)
    return np.concatenate([normals, (mean @ normals)[None].astype(np.float32)])


def _hashed(vectors: Vectors, planes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """[n, bits / 8] uint8."""
    return np.packbits(vectors @ planes[:-1] > planes[-1], axis=1, bitorder="little")


def _index(
    codes: Any, planes: NDArray[np.float32], store: RowStore, building: LshBuild, searching: LshSearch
) -> CandidateIndex:
    return CandidateIndex.of(_Hashes(codes, planes), store, name=NAME, building=building, searching=searching)
